/// The sequence numbers of one stream, which only rise.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sequence {
    last: Option<u64>,
}

impl Sequence {
    /// A stream that was read up to this number.
    pub(super) fn after(seq: u64) -> Self {
        Self { last: Some(seq) }
    }

    /// How many numbers are skipped if this one is next; `None` if it is not newer. A stream may
    /// start at any number.
    pub(super) fn missed_before(&self, seq: u64) -> Option<u64> {
        match self.last {
            None => Some(0),
            Some(last) => seq.checked_sub(last)?.checked_sub(1),
        }
    }

    /// Records that this number was received.
    pub(super) fn advance(&mut self, seq: u64) {
        self.last = Some(seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_gaps_are_counted() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.missed_before(u64::MAX), Some(0));
        sequence.advance(7);
        let found = [0, 6, 7, 8, 9, u64::MAX].map(|seq| sequence.missed_before(seq));
        assert_eq!(found, [None, None, None, Some(0), Some(1), Some(u64::MAX - 8)]);
        assert_eq!(Sequence::after(u64::MAX).missed_before(u64::MAX), None);
    }
}
