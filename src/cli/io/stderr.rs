use std::fmt;
use std::io::Write;

/// Says something on the standard error. Where that is closed, there is no reader.
pub(in crate::cli) fn tell(words: fmt::Arguments<'_>) {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "{words}");
}
