//! Sections that are not indexed: those whose CIDs no block of a repository can have, mostly blobs.

use crate::car::SkippedSection;
use crate::limits::PROBLEMS_LISTED_MAX;
use crate::problem::Problem;
use crate::verify::sections::{Finding, HashedSection};
use std::collections::BTreeMap;

/// Counts these sections and hashes them where possible; none is kept.
#[derive(Default)]
pub(in crate::verify) struct Others {
    pub(in crate::verify) sections: u64,
    pub(in crate::verify) wrong: FirstWrong,
    unchecked: Unchecked,
}

/// Sections whose hashes cannot be computed here: their number and the first one.
#[derive(Default)]
struct Unchecked {
    count: u64,
    first: Option<Box<SkippedSection>>,
}

impl Others {
    pub(in crate::verify) fn add(&mut self, section: HashedSection) {
        self.sections += 1;
        let offset = section.offset;
        match section.finding() {
            Finding::Right => {}
            Finding::Wrong(problem) => self.wrong.add(offset, problem),
            Finding::Unchecked(passed) => self.unchecked.add(1, passed),
        }
    }

    pub(in crate::verify) fn merge(&mut self, other: Self) {
        self.sections += other.sections;
        self.wrong.merge(other.wrong);
        if let Some(first) = other.unchecked.first {
            self.unchecked.add(other.unchecked.count, first);
        }
    }

    /// A warning about those that could not be hashed.
    pub(in crate::verify) fn warning(&self) -> Option<Problem> {
        let first = self.unchecked.first.as_ref()?.unchecked();
        let count = self.unchecked.count;
        let message = format!(
            "sections that nothing refers to and that cannot be hashed here, {count} in all, the first: {}",
            first.message
        );
        Some(Problem { message, ..first })
    }
}

impl Unchecked {
    fn add(&mut self, count: u64, passed: Box<SkippedSection>) {
        self.count += count;
        if self.first.as_ref().is_none_or(|first| passed.offset < first.offset) {
            self.first = Some(passed);
        }
    }
}

/// Problems of sections that arrive in varying order: keeps the first ones of the file, up to the
/// number that a report lists.
#[derive(Default)]
pub(in crate::verify) struct FirstWrong {
    first: BTreeMap<u64, Problem>,
    /// A later problem, and the number of later ones.
    further: Option<(Problem, u64)>,
}

impl FirstWrong {
    pub(in crate::verify) fn add(&mut self, offset: u64, problem: Problem) {
        self.first.insert(offset, problem);
        if self.first.len() > PROBLEMS_LISTED_MAX
            && let Some((_, last)) = self.first.pop_last()
        {
            self.count(last, 1);
        }
    }

    pub(in crate::verify) fn merge(&mut self, other: Self) {
        for (offset, problem) in other.first {
            self.add(offset, problem);
        }
        if let Some((problem, more)) = other.further {
            self.count(problem, more);
        }
    }

    fn count(&mut self, problem: Problem, more: u64) {
        let before = self.further.take().map_or(0, |(_, before)| before);
        self.further = Some((problem, before + more));
    }

    /// Reports them in the order of the file; later ones are only counted.
    pub(in crate::verify) fn tell(self, report: &mut dyn FnMut(Problem)) {
        self.first.into_values().for_each(&mut *report);
        if let Some((problem, more)) = self.further {
            (0..more).for_each(|_| report(problem.clone()));
        }
    }
}
