use crate::cli::io::stderr::tell;
use std::io::IsTerminal;

/// Says on a terminal what is going on, so that a long measurement does not look dead. `of` is 0
/// for what is done once.
pub(in crate::cli) fn step(doing: &str, run: u32, of: u32) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    match of {
        0 => tell(format_args!("{doing}")),
        _ => tell(format_args!("{doing}, run {run} of {of}")),
    }
}
