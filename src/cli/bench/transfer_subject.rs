use crate::cli::bench::data::repository::{BlockOrder, Repository, signing_key};
use crate::cli::bench::measure::scratch::Scratch;
use crate::cli::bench::measure::step::step;
use crate::cli::failure::Failure;
use crate::cli::io::input;
use crate::cli::keys::KeySources;
use carrack::env::SystemClock;
use carrack::ident::Did;
use carrack::verify::{Discard, ExpectedHead, Input, verify};
use clap::ValueEnum;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The repository that is measured with.
pub(in crate::cli) struct TransferSubject {
    pub(in crate::cli) did: Did,
    /// The keys that its signature is checked with, as arguments.
    pub(in crate::cli) keys: Vec<OsString>,
    /// Its files, with the names of their orders.
    pub(in crate::cli) files: Vec<(&'static str, PathBuf)>,
    /// Whether it was made for this.
    pub(in crate::cli) generated: bool,
}

/// The orders that a generated repository is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum BlockOrders {
    Streaming,
    Shuffled,
    Both,
}

impl TransferSubject {
    /// The user's own repository. What is not valid is not measured.
    pub(in crate::cli) fn given(file: &Path, keys: &KeySources) -> Result<Self, Failure> {
        if input::is_standard(file) {
            return Err(Failure::unusable("--car needs a file: it is read several times"));
        }
        step("verify", 0, 0);
        let expect = keys.read()?.head_or_unchecked();
        let input = Input::open(file)?;
        let report = verify(&input, &expect, &SystemClock, &mut Discard)?;
        let (Some(did), Some(order), true) = (report.did, report.order, report.problems.is_empty())
        else {
            let name = file.display();
            return Err(Failure::from(carrack::Error::Refused(report.problems))
                .preceded_by(format_args!("{name} cannot be measured with: ")));
        };
        let file = std::path::absolute(file)
            .map_err(|error| Failure::io(format_args!("finding {}", file.display()), &error))?;
        let files = vec![(order.as_str(), file)];
        Ok(Self { did, keys: key_args(&expect), files, generated: false })
    }

    /// A repository that is made for this, in a file for each order.
    pub(in crate::cli) fn generated(
        records: u64,
        orders: BlockOrders,
        scratch: &Scratch,
    ) -> Result<Self, Failure> {
        step("generate", 0, 0);
        let repository = Repository::generate(0, records)?;
        let mut files = Vec::new();
        for order in [BlockOrder::Streaming, BlockOrder::Shuffled] {
            let wanted = match orders {
                BlockOrders::Both => true,
                BlockOrders::Streaming => order == BlockOrder::Streaming,
                BlockOrders::Shuffled => order == BlockOrder::Shuffled,
            };
            if wanted {
                let name = format!("{}.car", order.as_str());
                let path = scratch
                    .write(&name, |output| Ok(repository.write(order, output).map(|_| ())?))?;
                files.push((order.as_str(), path));
            }
        }
        let expect = ExpectedHead::signed_by([signing_key()?.verifying_key()]);
        let did = repository.did().clone();
        Ok(Self { did, keys: key_args(&expect), files, generated: true })
    }

    pub(in crate::cli) fn is_verified(&self) -> bool {
        !self.keys.is_empty()
    }
}

fn key_args(expect: &ExpectedHead) -> Vec<OsString> {
    let args = expect.keys.named().iter().flat_map(|key| ["--key".to_owned(), key.to_did_key()]);
    args.map(OsString::from).collect()
}
