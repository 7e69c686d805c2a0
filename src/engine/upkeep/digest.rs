use crate::engine::handle::Engine;
use crate::error::Result;
use crate::ident::Did;
use crate::store::accounts::account_row;
use crate::store::read_table::ReadTable;
use crate::store::rows::key::{RowPlace, parse_key, tree_range};
use crate::store::rows::value::Row;
use bytes::Bytes;

impl Engine {
    /// Computes a digest of an account's rows: their keys and sections, without the revisions that
    /// wrote them and without the tree's number in the store. BLAKE3, as 64 lower-case hexadecimal
    /// digits.
    ///
    /// Equal repositories have equal digests, whatever their history: if two stores hold the same
    /// head and the digests differ, one store is damaged. Blocks are not rehashed, so this is
    /// quick, and does not replace [`Engine::scrub`].
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
    /// `NotFound` without the account; `State` if it is deleted; [those of every
    /// read](Engine#errors-of-every-call).
    pub fn rows_digest(&self, did: &Did) -> Result<String> {
        let view = self.view()?;
        let tree = account_row(view.accounts()?, did)?.readable_head(did)?.tree;
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
