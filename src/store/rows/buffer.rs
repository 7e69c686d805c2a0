use crate::car::section_of;
use crate::commit::Commit;
use crate::error::Result;
use crate::ident::Rev;
use crate::store::rows::build::{RowBuilder, RowOut};
use crate::store::tables::Tables;
use crate::store::write::bulk_insert::insert_all;

/// Rows on their way into the store.
#[derive(Default)]
pub(crate) struct RowBuffer {
    pub(crate) rows: Vec<(Vec<u8>, Vec<u8>)>,
    /// Of keys and values.
    pub(crate) bytes: usize,
}

impl RowBuffer {
    /// The row of a commit.
    pub(crate) fn commit(&mut self, builder: &mut RowBuilder, commit: &Commit, rev: Rev) {
        builder.commit(&section_of(commit.block()), rev, self);
    }

    /// Puts all of them into the store.
    pub(crate) fn store(&self, tables: &mut Tables<'_>) -> Result<()> {
        insert_all(&mut tables.rows, self.rows.iter().map(|(key, value)| (&key[..], &value[..])))
    }
}

impl RowOut for RowBuffer {
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.bytes += key.len() + value.len();
        self.rows.push((key, value));
    }

    fn keep(&mut self, _: Vec<u8>) {}
}
