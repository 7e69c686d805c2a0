use crate::block::{BlobRef, Cid, blob_refs};
use crate::engine::handle::Engine;
use crate::error::{Error, Result};
use crate::ident::{Did, RepoPath};
use crate::store::account::Head;
use crate::store::accounts::account_row;
use crate::store::blob_page::{PageStart, page_of_references};
use crate::store::needed_blobs::parse_blob_key;
use crate::store::read::record::find;
use crate::store::tables::View;

/// One record's reference to a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct NeededBlob {
    /// The blob.
    pub cid: Cid,
    /// Whether it is not stored here. Carrack stores no blobs, so it is.
    pub missing: bool,
    /// Its length in bytes, as the record states it. The legacy form states none.
    pub size: Option<u64>,
    /// Its media type, as the record states it.
    pub mime: Option<String>,
    /// The record that needs it.
    pub record: RepoPath,
}

impl NeededBlob {
    /// The cursor to continue after this reference.
    pub fn cursor(&self) -> BlobCursor {
        BlobCursor::Record(self.cid.clone(), self.record.clone())
    }
}

/// Where [`Engine::blobs_needed`] continues.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlobCursor {
    /// After all references to this blob: the cursor of `com.atproto.repo.listMissingBlobs`, which
    /// names one record for each blob.
    Blob(Cid),
    /// After this record's reference to this blob.
    Record(Cid, RepoPath),
}

impl Engine {
    /// The blobs that an account's records need, one entry for each record that needs one: in the
    /// order of the blobs' CIDs, then of the records' paths. At most `limit` entries, after `cursor`.
    /// For `com.atproto.repo.listMissingBlobs`.
    ///
    /// Each page is read from a snapshot of its own; its memory is bounded by `limit`. The time grows
    /// with `limit` only: each record of the page is read.
    ///
    /// ```
    /// use carrack::block::{Cid, Codec, json};
    /// use carrack::engine::{Engine, Op, Record, WriteOptions};
    /// # use carrack::key::{Curve, SigningKey};
    /// # let engine = Engine::in_memory()?;
    /// # let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// # let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// # engine.create_account(&did, &key)?;
    /// let cid = Cid::of(Codec::Raw, b"a picture");
    /// let record = json::from_json(&serde_json::json!({
    ///     "$type": "com.example.post",
    ///     "picture": { "$type": "blob", "ref": { "$link": cid.to_string() },
    ///         "mimeType": "image/png", "size": 9 },
    /// }))?;
    /// let op = Op::create("com.example.post/1".parse()?, Record::from_dag_cbor(record)?);
    /// engine.write(&did, vec![op], &WriteOptions::default(), &key)?;
    ///
    /// let page = engine.blobs_needed(&did, None, 100)?;
    /// assert_eq!((&page[0].cid, page[0].size), (&cid, Some(9)));
    /// assert!(engine.blobs_needed(&did, Some(&page[0].cursor()), 100)?.is_empty());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound` without the account; `State` if it is deleted; `Corrupt` if the index is damaged or
    /// contradicts the records; [those of every read](Engine#errors-of-every-call).
    pub fn blobs_needed(
        &self,
        did: &Did,
        cursor: Option<&BlobCursor>,
        limit: usize,
    ) -> Result<Vec<NeededBlob>> {
        let view = self.view()?;
        let account = account_row(view.accounts()?, did)?;
        let head = account.readable_head(did)?;
        let start = match cursor {
            None => PageStart::first(head.tree),
            Some(BlobCursor::Blob(cid)) => PageStart::behind_blob(head.tree, cid),
            Some(BlobCursor::Record(cid, path)) => {
                PageStart::behind(head.tree, cid, path.as_bytes())
            }
        };
        let keys = page_of_references(&view, head.tree, &start, limit)?;
        keys.iter().map(|key| needed_blob(&view, head, key)).collect()
    }
}

/// The reference of an entry of the index, as its record states it.
fn needed_blob(view: &View, head: &Head, key: &[u8]) -> Result<NeededBlob> {
    let (cid, path) = parse_blob_key(key)?;
    let contradicts = || {
        Error::Corrupt(format!(
            "the index says that {path} needs the blob {cid}, which it does not"
        ))
    };
    let record = RepoPath::from_bytes(path.as_bytes()).map_err(|_| contradicts())?;
    let stored = find(view.rows()?, view.nodes(), head, path.as_bytes())?;
    let block = stored.ok_or_else(contradicts)?.block()?;
    let found = blob_refs(block.bytes()).into_iter().find(|blob| blob.cid == cid);
    let BlobRef { cid, mime_type: mime, size } = found.ok_or_else(contradicts)?;
    // No blobs are stored.
    Ok(NeededBlob { cid, missing: true, size, mime, record })
}
