//! What a panic of the database means. It may panic over a damaged page.

use crate::error::Error;
use std::any::Any;

/// The error that a panic of the database stands for: a lock that an earlier panic has poisoned
/// says nothing about the table.
pub(in crate::store) fn of_panic(table: &str, panic: &(dyn Any + Send)) -> Error {
    let said = panic_message(panic);
    if said.contains("PoisonError") {
        return Error::Reopen(format!("a lock of the database is poisoned ({said})"));
    }
    Error::Corrupt(format!("table {table} cannot be read: {said}"))
}

/// What a panic said, on one line.
pub(in crate::store) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let said = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(said), _) => said,
        (None, Some(said)) => said.as_str(),
        (None, None) => "the database panicked",
    };
    said.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_over_a_page_is_damage_and_one_over_a_lock_is_not() {
        let of = |said: &'static str| of_panic("rows", &said);
        assert!(matches!(of("index out of bounds"), Error::Corrupt(said) if said.contains("rows")));
        let poisoned = "called `Result::unwrap()` on an `Err` value: PoisonError { .. }";
        assert!(matches!(of(poisoned), Error::Reopen(_)));
    }
}
