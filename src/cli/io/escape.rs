//! Lines of text, in which what acts on a terminal is escaped: [`Escaped`] says which characters.

use carrack::parts::text::{Escaped, acts_on_terminal};
use std::fmt;
use std::io::{self, Write};

/// Writes one line, and only one.
pub(in crate::cli) fn write_line(
    output: &mut dyn Write,
    words: fmt::Arguments<'_>,
) -> io::Result<()> {
    write_text(output, words)?;
    output.write_all(b"\n")
}

/// Writes a part of a line.
pub(in crate::cli) fn write_text(
    output: &mut dyn Write,
    words: fmt::Arguments<'_>,
) -> io::Result<()> {
    let mut escaping = Escaping { output, result: Ok(()) };
    let formatted = fmt::write(&mut escaping, words);
    escaping.result?;
    formatted.map_err(io::Error::other)
}

/// Whether the text is shown as it is.
pub(in crate::cli) fn is_plain(text: &str) -> bool {
    !text.contains(acts_on_terminal)
}

struct Escaping<'a> {
    output: &'a mut dyn Write,
    result: io::Result<()>,
}

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.result = if is_plain(text) {
            self.output.write_all(text.as_bytes())
        } else {
            write!(self.output, "{}", Escaped(text))
        };
        if self.result.is_ok() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line() {
        let mut out = Vec::new();
        write_line(&mut out, format_args!("{}{}", "a\u{1b}b\n", "plain")).unwrap();
        assert_eq!(out, b"a\\u001bb\\u000aplain\n");
    }

    #[test]
    fn an_output_that_fails_is_an_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for text in ["text", "\u{7}"] {
            let error = write_line(&mut Full, format_args!("{text}")).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
    }
}
