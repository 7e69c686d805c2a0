use crate::cli::failure::Failure;
use serde::Serialize;
use std::fmt;
use std::io::{BufWriter, IsTerminal, StdoutLock, Write};

/// The standard output, buffered. A reader that goes away is a [`Failure::ReaderGone`], never a
/// panic.
pub(in crate::cli) struct Output(BufWriter<StdoutLock<'static>>);

impl Output {
    pub(in crate::cli) fn new() -> Self {
        Self(BufWriter::with_capacity(64 * 1024, std::io::stdout().lock()))
    }

    /// The same for bytes that no terminal can show.
    pub(in crate::cli) fn binary() -> Result<Self, Failure> {
        if std::io::stdout().is_terminal() {
            let message = "the output is binary and would go to the terminal: name a file with -o, \
                           or send it into a pipe";
            return Err(Failure::unusable(message));
        }
        Ok(Self::new())
    }

    /// Writes a line.
    pub(in crate::cli) fn line(&mut self, words: fmt::Arguments<'_>) -> Result<(), Failure> {
        writeln!(self.0, "{words}").map_err(|error| failed(&error))
    }

    /// Writes a value as JSON without an end of line, its fields in the order of their declaration.
    pub(in crate::cli) fn json_part(&mut self, value: &impl Serialize) -> carrack::Result<()> {
        serde_json::to_writer(&mut self.0, value).map_err(|error| not_written(error.into()))
    }

    /// Writes text as it is.
    pub(in crate::cli) fn part(&mut self, text: &str) -> carrack::Result<()> {
        self.0.write_all(text.as_bytes()).map_err(not_written)
    }

    /// Writes a line `name   value`.
    pub(in crate::cli) fn field(
        &mut self,
        name: &str,
        value: impl fmt::Display,
    ) -> Result<(), Failure> {
        self.line(format_args!("  {name:<13} {value}"))
    }

    /// Writes an object as one line, its fields in the order of their names.
    pub(in crate::cli) fn object(&mut self, object: &impl Serialize) -> Result<(), Failure> {
        // By way of a value, which sorts them.
        let value = serde_json::to_value(object).map_err(|error| failed(&error.into()))?;
        self.line(format_args!("{value}"))
    }

    /// The same, and flushes.
    pub(in crate::cli) fn json(&mut self, object: &impl Serialize) -> Result<(), Failure> {
        self.object(object)?;
        self.flush()
    }

    pub(in crate::cli) fn flush(&mut self) -> Result<(), Failure> {
        self.0.flush().map_err(|error| failed(&error))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

fn failed(error: &std::io::Error) -> Failure {
    Failure::io(DOING, error)
}

fn not_written(source: std::io::Error) -> carrack::Error {
    carrack::Error::Io { doing: DOING.to_owned(), source }
}

const DOING: &str = "writing to the standard output";
