/// The answer of a command that ran to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Answer {
    /// Done, or yes.
    Yes,
    /// No, with the reason for standard error.
    No(String),
    /// Some inputs could not be read; says so for standard error. The answers about the others are
    /// printed.
    Unread(String),
}
