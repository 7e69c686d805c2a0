/// What a command that ran to its end says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Answer {
    /// Done, or yes.
    Yes,
    /// No, and why, for the standard error.
    No(String),
}
