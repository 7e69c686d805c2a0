use crate::engine::handle::Engine;
use crate::error::Result;
use crate::ident::Did;
use crate::store::accounts::account_row;
use crate::store::read_table::ReadTable;
use crate::store::rows::key::{RowPlace, parse_key, tree_range};
use crate::store::rows::value::Row;
use bytes::Bytes;

impl Engine {
    /// A digest of an account's rows: of their places and sections, without the revisions that
    /// wrote them and without what the store calls the tree. BLAKE3, in lower-case hexadecimal.
    ///
    /// The same content gives the same rows, whatever its history: two stores that hold the same
    /// head give the same digest, or one of them is damaged. Nothing is rehashed, so it is quick,
    /// and no substitute for [`Engine::scrub`].
    ///
    /// ```
    /// use carrack::Engine;
    /// use carrack::engine::ImportOptions;
    /// use carrack::key::{Curve, SigningKey};
    /// use carrack::verify::{ExpectedHead, Input};
    ///
    /// let a = Engine::in_memory()?;
    /// let key = SigningKey::from_bytes(Curve::K256, &[7; 32])?;
    /// let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    /// a.create_account(&did, &key)?;
    /// let mut car = Vec::new();
    /// a.export(&did, &mut car)?;
    ///
    /// let b = Engine::in_memory()?;
    /// let expect = ExpectedHead::signed_by([key.verifying_key()]);
    /// let options = ImportOptions::default().head(expect);
    /// b.import(&Input::spill(&car[..], "export")?, &options)?;
    /// assert_eq!(a.rows_digest(&did)?, b.rows_digest(&did)?);
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound`; `State` if nothing of the account may be read; `Corrupt`, `Store`.
    pub fn rows_digest(&self, did: &Did) -> Result<String> {
        let view = self.view()?;
        let tree = account_row(view.accounts()?, did)?.readable_head(did.as_str())?.tree;
        let (start, end) = tree_range(tree);
        let mut digest = blake3::Hasher::new();
        for found in view.rows()?.range(&start[..]..&end[..])? {
            let (key, value) = found?;
            let (key, value) = (key.value(), Bytes::copy_from_slice(value.value()));
            let place = key.get(start.len()..).unwrap_or_default();
            let (sections, count) = match parse_key(key)?.1 {
                RowPlace::Record { part, .. } if part > 0 => (value, 0),
                _ => {
                    let row = Row::decode(&value)?;
                    (row.sections().clone(), row.count())
                }
            };
            digest.update(&(place.len() as u64).to_be_bytes());
            digest.update(place);
            digest.update(&(count as u64).to_be_bytes());
            digest.update(&(sections.len() as u64).to_be_bytes());
            digest.update(&sections);
        }
        Ok(digest.finalize().to_hex().to_string())
    }
}
