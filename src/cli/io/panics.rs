//! Panics as values: the database may panic over a damaged file, and that is not to look like a
//! crash of this program.

use crate::cli::io::stderr::tell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Mutex, PoisonError};

/// What came of some work.
pub(in crate::cli) struct Guarded<T> {
    /// Its result, unless it panicked.
    pub(in crate::cli) done: Option<T>,
    /// What the first panic said and where: in the work, or in a thread of its.
    pub(in crate::cli) panic: Option<String>,
}

/// Runs `work` and catches its panics; nothing of them is printed. What `work` borrows must not
/// be used after one.
pub(in crate::cli) fn guarded<T>(work: impl FnOnce() -> T) -> Guarded<T> {
    let said = Arc::new(Mutex::new(None));
    let heard = Arc::clone(&said);
    let before = take_hook();
    set_hook(Box::new(move |panic| {
        let text = panic.to_string().replace('\n', " ");
        let mut said = heard.lock().unwrap_or_else(PoisonError::into_inner);
        let is_last = text.contains("panic in a destructor during cleanup");
        let first = said.get_or_insert(text);
        if is_last {
            // It cannot be caught: the process would be aborted.
            last_words(first);
        }
    }));
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    set_hook(before);
    let panic = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Guarded { done, panic }
}

/// The exit code for a damaged store.
const DAMAGED: i32 = 2;

/// What is said when the database cannot read its own file.
pub(in crate::cli) fn damaged_database(why: impl fmt::Display) -> String {
    format!(
        "the store is damaged, its database cannot read its own pages; restore it from a backup \
         ({why})"
    )
}

/// Says that the database is damaged, and ends the process.
fn last_words(panic: &str) -> ! {
    tell(format_args!("error: {}", damaged_database(panic)));
    std::process::exit(DAMAGED);
}

/// Whether a panic is the database's, which trusts its file.
pub(in crate::cli) fn is_of_database(panic: &str) -> bool {
    panic.contains("redb-")
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test: the hook is the whole process's.
    #[test]
    fn a_panic_is_a_value() {
        let fine = guarded(|| 7);
        assert_eq!((fine.done, fine.panic), (Some(7), None));
        let broken = guarded(|| -> u8 { panic!("the page is gone") });
        let said = broken.panic.unwrap();
        assert_eq!(broken.done, None);
        assert!(said.contains("the page is gone") && said.contains("panics.rs"), "{said}");
        assert!(!is_of_database(&said));
        let thread = guarded(|| std::thread::spawn(|| panic!("below")).join().is_err());
        assert_eq!((thread.done, thread.panic.is_some()), (Some(true), true));
    }
}
