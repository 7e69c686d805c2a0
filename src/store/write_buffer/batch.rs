//! Buffered writes, which do not overlap.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

/// The maximum length of a combined write.
const RUN_BYTES_MAX: usize = 1 << 20;

/// Fewer bytes than this are written piece by piece: that is as quick, and the system keeps small
/// pages for what will be changed in small pieces.
const BUFFERED_BYTES_MIN: usize = 8 << 20;

/// Memory that is kept for the next writes: as much as a flush of many commits takes.
const KEPT_BYTES_MAX: usize = 4 << 20;

#[derive(Debug, Default)]
pub(in crate::store) struct WriteBatch {
    bytes: Vec<u8>,
    /// Offset in the storage to the place in `bytes`.
    places: BTreeMap<u64, Range<usize>>,
}

impl WriteBatch {
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Bytes of memory that its writes take.
    pub(in crate::store) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a write. Returns `false` for one that partly overlaps another, which belongs into the
    /// next batch.
    pub(in crate::store) fn put(&mut self, offset: u64, data: &[u8]) -> bool {
        if data.is_empty() {
            return true;
        }
        if let Some(place) = self.places.get(&offset).filter(|place| place.len() == data.len()) {
            if let Some(old) = self.bytes.get_mut(place.clone()) {
                old.copy_from_slice(data);
            }
            return true;
        }
        if self.over(offset, data.len()).next().is_some() {
            return false;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(data);
        self.places.insert(offset, start..self.bytes.len());
        true
    }

    /// The buffered parts of `length` bytes from `offset`: their places in the range, and their
    /// bytes.
    pub(in crate::store) fn patches(
        &self,
        offset: u64,
        length: usize,
    ) -> impl Iterator<Item = (usize, &[u8])> {
        self.over(offset, length).filter_map(move |(at, data)| {
            let (skip, into) = match at.checked_sub(offset) {
                Some(into) => (0, place(into)),
                None => (place(offset - at), 0),
            };
            let count = data.len().saturating_sub(skip).min(length.saturating_sub(into));
            Some((into, data.get(skip..skip + count)?))
        })
    }

    /// The writes that overlap `length` bytes from `offset`. As writes do not overlap each other,
    /// only the last one before `offset` can reach it.
    fn over(&self, offset: u64, length: usize) -> impl Iterator<Item = (u64, &[u8])> {
        let end = offset.saturating_add(length as u64);
        let before = self.places.range(..offset).next_back();
        before
            .into_iter()
            .chain(self.places.range(offset..end))
            .filter_map(|(at, place)| Some((*at, self.bytes.get(place.clone())?)))
            .filter(move |(at, data)| at.saturating_add(data.len() as u64) > offset)
    }

    /// Carries out the writes in the order of their offsets; if there are many, adjacent ones are
    /// combined.
    pub(in crate::store) fn carry_out(
        &self,
        mut write: impl FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let bytes = &self.bytes;
        let longest = if bytes.len() < BUFFERED_BYTES_MIN { 0 } else { RUN_BYTES_MAX };
        let mut run = Vec::new();
        let mut places = self.places.iter().peekable();
        while let Some((offset, first)) = places.next() {
            let mut end = offset.saturating_add(first.len() as u64);
            let first = bytes.get(first.clone()).unwrap_or_default();
            run.clear();
            while let Some((_, next)) = places.next_if(|(at, next)| {
                **at == end && first.len().max(run.len()) + next.len() <= longest
            }) {
                if run.is_empty() {
                    run.extend_from_slice(first);
                }
                run.extend_from_slice(bytes.get(next.clone()).unwrap_or_default());
                end += next.len() as u64;
            }
            write(*offset, if run.is_empty() { first } else { &run })?;
        }
        Ok(())
    }

    /// Empties the batch; its memory is kept for the next writes, up to a limit.
    pub(in crate::store) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        self.places.clear();
    }
}

/// A distance within a read or a write that is in memory.
fn place(distance: u64) -> usize {
    usize::try_from(distance).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried_out(batch: &WriteBatch) -> Vec<(u64, Vec<u8>)> {
        let mut writes = Vec::new();
        let write = |offset, data: &[u8]| {
            writes.push((offset, data.to_vec()));
            Ok(())
        };
        batch.carry_out(write).unwrap();
        writes
    }

    #[test]
    fn few_bytes_are_written_in_order_and_piece_by_piece() {
        let mut batch = WriteBatch::default();
        for (offset, data) in [(30, "dd"), (10, "aa"), (12, "bb")] {
            assert!(batch.put(offset, data.as_bytes()));
        }
        let pieces = [(10, b"aa".to_vec()), (12, b"bb".to_vec()), (30, b"dd".to_vec())];
        assert_eq!(carried_out(&batch), pieces);
    }

    #[test]
    fn neighbours_among_many_are_written_as_one_up_to_a_length() {
        let mut batch = WriteBatch::default();
        let page = |number: u64| vec![u8::try_from(number % 251).unwrap(); 4096];
        // In no order, and two pages are not there.
        for number in (0..2200).map(|number| number * 7 % 2200) {
            assert!([50, 51].contains(&number) || batch.put(number * 4096, &page(number)));
        }
        let found: Vec<(u64, usize)> =
            carried_out(&batch).iter().map(|(offset, data)| (*offset, data.len())).collect();
        let rest = (0..9).map(|run| (52 + run * 256, 256.min(2148 - run * 256)));
        let expected = std::iter::once((0, 50)).chain(rest);
        let expected =
            expected.map(|(from, pages)| (from * 4096, usize::try_from(pages * 4096).unwrap()));
        assert_eq!(found, expected.collect::<Vec<_>>());
        for (offset, data) in carried_out(&batch) {
            for (number, found) in (offset / 4096..).zip(data.chunks(4096)) {
                assert_eq!(found, page(number));
            }
        }
    }

    #[test]
    fn a_write_may_be_repeated_and_may_not_lie_across_another() {
        let mut batch = WriteBatch::default();
        assert!(batch.put(10, b"aaaa"));
        assert!(batch.put(10, b"bbbb"));
        for (offset, data) in [(10, "c"), (8, "ccc"), (13, "c"), (9, "cccccc")] {
            assert!(!batch.put(offset, data.as_bytes()), "{offset} {data}");
        }
        assert!(batch.put(14, b"d") && batch.put(9, b"e"));
        let pieces = [(9, b"e".to_vec()), (10, b"bbbb".to_vec()), (14, b"d".to_vec())];
        assert_eq!(carried_out(&batch), pieces);
    }
}
