//! The sum of the answers about several inputs.

use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::text::{count, things};
use serde::Serialize;

/// How many inputs had which answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Tally {
    pub(in crate::cli) valid: u64,
    pub(in crate::cli) invalid: u64,
    pub(in crate::cli) ignored: u64,
    /// Those that could not be read, of which nothing is known.
    pub(in crate::cli) unread: u64,
}

impl Tally {
    fn all(&self) -> u64 {
        self.valid + self.invalid + self.ignored + self.unread
    }

    /// The verdict on all of them; `None` if it is not known.
    pub(in crate::cli) fn verdict(&self) -> Option<&'static str> {
        match self {
            Self { invalid: 1.., .. } => Some("invalid"),
            Self { unread: 1.., .. } => None,
            Self { valid: 0, ignored: 1.., .. } => Some("ignored"),
            _ => Some("valid"),
        }
    }

    /// A line: `3 files: 2 valid, 1 invalid`.
    pub(in crate::cli) fn line(&self, thing: &str) -> String {
        let parts = [
            (self.valid, "valid"),
            (self.invalid, "invalid"),
            (self.ignored, "ignored"),
            (self.unread, "could not be read"),
        ];
        let parts = parts.into_iter().filter(|(number, word)| *number > 0 || *word == "valid");
        let parts: Vec<_> =
            parts.map(|(number, word)| format!("{} {word}", count(number))).collect();
        format!("{}: {}", things(self.all(), thing), parts.join(", "))
    }

    pub(in crate::cli) fn answer(&self, thing: &str) -> Answer {
        match (self.unread, self.invalid) {
            (0, 0) => Answer::Yes,
            (0, _) => Answer::No(self.line(thing)),
            _ => Answer::Unread(self.line(thing)),
        }
    }
}

/// One JSON object with a list of any length, written entry by entry.
pub(in crate::cli) struct ListObject<'a> {
    output: &'a mut Output,
    entries: u64,
}

impl<'a> ListObject<'a> {
    /// Begins the object with the list `name`, which stands before `verdict` in order.
    pub(in crate::cli) fn begin(output: &'a mut Output, name: &str) -> Result<Self, Failure> {
        output.own_text(format!("{{\"{name}\":[").as_bytes())?;
        Ok(Self { output, entries: 0 })
    }

    pub(in crate::cli) fn entry(&mut self, entry: &impl Serialize) -> Result<(), Failure> {
        if self.entries > 0 {
            self.output.own_text(b",")?;
        }
        self.entries += 1;
        self.output.part_of_object(entry)
    }

    /// Ends it with the verdict on all.
    pub(in crate::cli) fn end(self, tally: &Tally) -> Result<(), Failure> {
        self.output.own_text(b"],\"verdict\":")?;
        self.output.part_of_object(&tally.verdict())?;
        self.output.own_text(b"}\n")?;
        self.output.flush()
    }
}

/// An entry of such a list for what could not be read.
#[derive(Serialize)]
pub(in crate::cli) struct UnreadObject<'a> {
    pub(in crate::cli) file: String,
    pub(in crate::cli) error: &'a str,
}

/// An entry: the object about an input, and the input's name.
#[derive(Serialize)]
pub(in crate::cli) struct NamedObject<T> {
    pub(in crate::cli) file: String,
    #[serde(flatten)]
    pub(in crate::cli) object: T,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_answer_counts() {
        let tally = |valid, invalid, ignored, unread| Tally { valid, invalid, ignored, unread };
        for (tally, verdict, line) in [
            (tally(2, 0, 0, 0), Some("valid"), "2 files: 2 valid"),
            (tally(1, 0, 1, 0), Some("valid"), "2 files: 1 valid, 1 ignored"),
            (tally(0, 0, 1, 0), Some("ignored"), "1 file: 0 valid, 1 ignored"),
            (tally(1, 1, 0, 0), Some("invalid"), "2 files: 1 valid, 1 invalid"),
            (tally(1, 0, 0, 1), None, "2 files: 1 valid, 1 could not be read"),
            (
                tally(0, 1, 0, 1),
                Some("invalid"),
                "2 files: 0 valid, 1 invalid, 1 could not be read",
            ),
        ] {
            assert_eq!((tally.verdict(), &tally.line("file")[..]), (verdict, line));
        }
        assert_eq!(tally(1, 0, 1, 0).answer("file"), Answer::Yes);
        assert!(matches!(tally(1, 1, 0, 0).answer("file"), Answer::No(_)));
        assert!(matches!(tally(1, 1, 0, 1).answer("file"), Answer::Unread(_)));
    }
}
