use crate::cli::io::stderr::{note, shows_progress};

/// Says on a terminal what is going on, so that a long measurement does not look dead. `of` is 0
/// for what is done once.
pub(in crate::cli) fn step(doing: &str, run: u32, of: u32) {
    if !shows_progress() {
        return;
    }
    match of {
        0 => note(format_args!("{doing}")),
        _ => note(format_args!("{doing}, run {run} of {of}")),
    }
}
