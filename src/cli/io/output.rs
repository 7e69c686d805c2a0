use crate::cli::failure::Failure;
use crate::cli::io::escape::{write_escaped, write_line};
use crate::cli::io::known_file::KnownFile;
use serde::Serialize;
use std::fmt;
use std::io::{BufWriter, IsTerminal, StdoutLock, Write};
use std::path::Path;

/// The standard output as a file, where the system has that.
const STANDARD: &str = "/dev/stdout";

/// The standard output for text, buffered. Every line is escaped. A reader that goes away is a
/// [`Failure::ReaderGone`], never a panic.
pub(in crate::cli) struct Output(BufWriter<StdoutLock<'static>>);

/// The standard output for bytes that no terminal can show, buffered.
pub(in crate::cli) struct BinaryOutput(BufWriter<StdoutLock<'static>>);

impl Output {
    pub(in crate::cli) fn new() -> Self {
        Self(buffered())
    }

    /// Writes a line.
    pub(in crate::cli) fn line(&mut self, words: fmt::Arguments<'_>) -> Result<(), Failure> {
        write_line(&mut self.0, words).map_err(|error| failed(&error))
    }

    /// The same for a sink of the library.
    pub(in crate::cli) fn sink_line(&mut self, words: fmt::Arguments<'_>) -> carrack::Result<()> {
        write_line(&mut self.0, words).map_err(not_written)
    }

    /// Writes text without an end of line.
    pub(in crate::cli) fn part(&mut self, text: &str) -> carrack::Result<()> {
        write_escaped(&mut self.0, text).map_err(not_written)
    }

    /// Writes a value as JSON without an end of line, its fields in the order of their declaration.
    pub(in crate::cli) fn json_part(&mut self, value: &impl Serialize) -> carrack::Result<()> {
        let text = serde_json::to_string(value).map_err(|error| not_written(error.into()))?;
        self.part(&text)
    }

    /// Ends a line.
    pub(in crate::cli) fn end_line(&mut self) -> carrack::Result<()> {
        self.0.write_all(b"\n").map_err(not_written)
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

    /// Writes a text of several lines that has nothing from outside (a page, a script), or is escaped.
    pub(in crate::cli) fn own_text(&mut self, text: &[u8]) -> Result<(), Failure> {
        self.0.write_all(text).map_err(|error| failed(&error))
    }

    pub(in crate::cli) fn flush(&mut self) -> Result<(), Failure> {
        self.0.flush().map_err(|error| failed(&error))
    }
}

impl BinaryOutput {
    /// Refuses a terminal, and a store or a key file that the output was redirected to.
    pub(in crate::cli) fn new() -> Result<Self, Failure> {
        if std::io::stdout().is_terminal() {
            let message = "the output is binary and would go to the terminal: name a file with -o, \
                           or send it into a pipe";
            return Err(Failure::unusable(message));
        }
        if let Ok(Some(known)) = KnownFile::at(Path::new(STANDARD)) {
            let name = known.name();
            return Err(Failure::unusable(format!("the output was redirected into {name}")));
        }
        Ok(Self(buffered()))
    }

    pub(in crate::cli) fn end(mut self) -> Result<(), Failure> {
        self.0.flush().map_err(|error| failed(&error))
    }
}

impl Write for BinaryOutput {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

fn buffered() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(64 * 1024, std::io::stdout().lock())
}

fn failed(error: &std::io::Error) -> Failure {
    Failure::io(DOING, error)
}

fn not_written(source: std::io::Error) -> carrack::Error {
    carrack::Error::Io { doing: DOING.to_owned(), source }
}

const DOING: &str = "writing to the standard output";
