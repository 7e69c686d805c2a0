use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::keys::KeySources;
use crate::cli::store::{self, StoreArgs};
use crate::cli::text::trust as words;
use carrack::engine::TrustChecked;
use carrack::ident::Did;
use clap::Args;
use serde::Serialize;

#[derive(Debug, Args)]
pub(in crate::cli) struct TrustArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The account
    #[arg(value_name = "DID")]
    account: Did,
    #[command(flatten)]
    keys: KeySources,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) fn run(args: &TrustArgs) -> Result<Answer, Failure> {
    if !args.keys.any() {
        return Err(Failure::no(
            "no key to check the head with: give --key, --did-doc or --plc-log",
        ));
    }
    args.keys.check_standard_input(args.store.path())?;
    let keys = args.keys.read()?;
    let engine = store::existing(&args.store)?;
    let checked = engine.check_trust(&args.account, &keys.head(), keys.earlier())?;
    if args.json {
        Output::new().json(&TrustObject { did: &args.account, checked: &checked })?;
    } else {
        print(args, &checked)?;
    }
    Ok(if checked.is_valid() {
        Answer::Yes
    } else {
        Answer::No(format!(
            "the head of {} is signed with none of the keys that are given (signature {}); the \
             account stays as it was",
            args.account,
            checked.signature.as_str()
        ))
    })
}

#[derive(Serialize)]
struct TrustObject<'a> {
    did: &'a Did,
    #[serde(flatten)]
    checked: &'a TrustChecked,
}

fn print(args: &TrustArgs, checked: &TrustChecked) -> Result<(), Failure> {
    let mut output = Output::new();
    output.line(format_args!("{}", args.account))?;
    output.field("trust", words(checked.trust, checked.trust_key))?;
    output.field("signature", checked.signature.as_str())?;
    output.field("commit", &checked.commit)?;
    output.flush()
}
