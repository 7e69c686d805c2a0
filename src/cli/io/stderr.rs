//! The standard error: errors, warnings, and what is only for information.

use crate::cli::io::escape::{is_plain, write_line};
use carrack::parts::text::Escaped;
use std::fmt;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether notes and progress are left out (`--quiet`).
static QUIET: AtomicBool = AtomicBool::new(false);

/// Leaves out notes and progress from now on.
pub(in crate::cli) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Prints an error or a warning as a line. Where standard error is closed, there is no reader.
pub(in crate::cli) fn tell(words: fmt::Arguments<'_>) {
    let mut line = Vec::new();
    // A vector takes everything. Standard error gets the line as a whole, so that those of two
    // processes do not mix.
    let _ = write_line(&mut line, words);
    let _ = std::io::stderr().lock().write_all(&line);
}

/// Prints what is only for information, unless the command is to be quiet.
pub(in crate::cli) fn note(words: fmt::Arguments<'_>) {
    if !QUIET.load(Ordering::Relaxed) {
        tell(words);
    }
}

/// Whether progress is to be shown: to a terminal, unless the command is to be quiet.
pub(in crate::cli) fn shows_progress() -> bool {
    !QUIET.load(Ordering::Relaxed) && std::io::stderr().is_terminal()
}

/// Prints what the parser of the command line says: an error, or a help text, which goes to the
/// standard output. `parse` is the parser. An error repeats arguments, so those with characters
/// that would have to be escaped are parsed once more with these characters escaped.
pub(in crate::cli) fn print_usage(
    error: &clap::Error,
    parse: impl FnOnce(Vec<String>) -> Option<clap::Error>,
) {
    let args: Vec<_> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    if args.iter().all(|arg| is_plain(arg)) {
        // Where this cannot be printed, nothing can.
        let _ = error.print();
        return;
    }
    match parse(args.iter().map(|arg| Escaped(arg).to_string()).collect()) {
        Some(error) => drop(error.print()),
        None => tell(format_args!("{}", error.to_string().trim_end())),
    }
}
