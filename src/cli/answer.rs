/// The answer of a command that ran to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Answer {
    /// Done, or yes.
    Yes,
    /// No, with the reason for standard error.
    No(String),
}
