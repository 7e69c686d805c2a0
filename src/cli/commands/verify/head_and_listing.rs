use carrack::commit::Commit;
use carrack::tree::RecordWant;
use carrack::verify::{ListingDigest, Sink};
use serde::Serialize;

/// The head of a repository, and the digest of its listing if that is asked for.
#[derive(Default)]
pub(in crate::cli) struct HeadAndListing {
    pub(in crate::cli) head: Option<Commit>,
    pub(in crate::cli) listing: Option<ListingDigest>,
}

impl Sink for HeadAndListing {
    fn needs_records(&self) -> bool {
        false
    }

    fn needs_tree(&self) -> bool {
        self.listing.is_some()
    }

    fn commit(&mut self, commit: &Commit) -> carrack::Result<()> {
        self.head = Some(commit.clone());
        Ok(())
    }

    fn entry(&mut self, want: &RecordWant) -> carrack::Result<()> {
        self.listing.as_mut().map_or(Ok(()), |listing| listing.entry(want))
    }
}

/// The JSON of a verification: the fields of the report, and the digest of the listing.
#[derive(Serialize)]
pub(in crate::cli) struct VerifiedObject<'a, R> {
    #[serde(flatten)]
    pub(in crate::cli) report: &'a R,
    /// Null where the listing is not known, or not that of a whole repository.
    pub(in crate::cli) listing_sha256: Option<String>,
}
