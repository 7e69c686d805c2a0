//! Panics as values: the database may panic over a damaged file, and that is not to look like a
//! crash of this program.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Mutex, PoisonError};

/// Runs `work`; if it panics, gives what the panic said and where.
///
/// Nothing is printed. What `work` borrows must not be used after a panic.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let said = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&said);
    let before = take_hook();
    set_hook(Box::new(move |panic| {
        let mut said = heard.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_empty() {
            *said = panic.to_string().replace('\n', " ");
        }
    }));
    let outcome = catch_unwind(AssertUnwindSafe(work));
    set_hook(before);
    outcome.map_err(|_| said.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test: the hook is the whole process's.
    #[test]
    fn a_panic_is_a_value() {
        assert_eq!(guarded(|| 7), Ok(7));
        let said = guarded(|| panic!("the page is gone")).unwrap_err();
        assert!(said.contains("the page is gone") && said.contains("guard.rs"), "{said}");
    }
}
