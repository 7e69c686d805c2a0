//! Panics as values: the database may panic over a damaged file, and that is not to look like a
//! crash of this program.

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
        let mut said = heard.lock().unwrap_or_else(PoisonError::into_inner);
        said.get_or_insert_with(|| panic.to_string().replace('\n', " "));
    }));
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    set_hook(before);
    let panic = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Guarded { done, panic }
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
