//! Why a command did not answer: in one place from errors to words and exit codes.

use crate::cli::io::panics::is_of_database;
use carrack::error::Entity;
use carrack::ident::SyntaxError;
use carrack::key::KeyError;
use carrack::{Error, Problem, Problems};
use std::fmt;
use std::io::ErrorKind;

/// The answer is no.
pub(in crate::cli) const NO: u8 = 1;
/// Wrong usage, or a file that cannot be read or written.
const UNUSABLE: u8 = 2;

/// Why a command stopped.
#[derive(Debug)]
pub(in crate::cli) enum Failure {
    /// The reader of the output has gone away.
    ReaderGone,
    /// The same failure, which the JSON on standard output reports already.
    Reported(Box<Failure>),
    /// Anything else.
    Told {
        /// The exit code.
        code: u8,
        /// What happened, and what to do.
        message: String,
        /// What is wrong with bytes from outside.
        problems: Problems,
    },
}

impl Failure {
    /// The answer is no.
    pub(in crate::cli) fn no(message: impl Into<String>) -> Self {
        Self::Told { code: NO, message: message.into(), problems: Problems::default() }
    }

    /// Wrong usage, or a file that is of no use.
    pub(in crate::cli) fn unusable(message: impl Into<String>) -> Self {
        Self::Told { code: UNUSABLE, message: message.into(), problems: Problems::default() }
    }

    /// A file could not be read or written.
    pub(in crate::cli) fn io(doing: impl fmt::Display, error: &std::io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe {
            return Self::ReaderGone;
        }
        Self::unusable(format!("{doing}: {error}"))
    }

    /// A panic in the library, which is a bug or a damaged store.
    pub(in crate::cli) fn broken(panic: &str) -> Self {
        if is_of_database(panic) {
            return Self::unusable(damaged_database(panic));
        }
        Self::unusable(format!("this is a bug in Carrack; please report it: {panic}"))
    }

    /// The same with something said before it.
    #[must_use]
    pub(in crate::cli) fn preceded_by(self, words: impl fmt::Display) -> Self {
        match self {
            Self::ReaderGone => Self::ReaderGone,
            Self::Reported(failure) => failure.preceded_by(words).reported(),
            Self::Told { code, message, problems } => {
                Self::Told { code, message: format!("{words}{message}"), problems }
            }
        }
    }

    /// The same, after the command's JSON has reported it.
    #[must_use]
    pub(in crate::cli) fn reported(self) -> Self {
        Self::Reported(Box::new(self))
    }

    /// What is wrong with bytes from outside, if something is.
    pub(in crate::cli) fn problems(&self) -> Option<&Problems> {
        match self {
            Self::ReaderGone => None,
            Self::Reported(failure) => failure.problems(),
            Self::Told { problems, .. } => Some(problems).filter(|problems| !problems.is_empty()),
        }
    }

    /// What it says.
    pub(in crate::cli) fn message(&self) -> &str {
        match self {
            Self::ReaderGone => "the reader of the output is gone",
            Self::Reported(failure) => failure.message(),
            Self::Told { message, .. } => message,
        }
    }
}

/// Converts the errors of the library's lower modules as the upper ones do.
macro_rules! from_lower {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Error::from(error).into()
            }
        }
    )*};
}
from_lower!(Problem, SyntaxError, KeyError);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Io { source, .. } if source.kind() == ErrorKind::BrokenPipe => {
                return Self::ReaderGone;
            }
            Error::NotFound(Entity::Store(_))
            | Error::Io { .. }
            | Error::InUse
            | Error::Store(_)
            | Error::Corrupt(_)
            | Error::Format(_)
            | Error::UnreadableEvents { .. }
            | Error::Reopen(_)
            | Error::Stale(_)
            | Error::Closed(_) => UNUSABLE,
            _ => NO,
        };
        let message = match advice(&error) {
            Some(advice) => format!("{error}; {advice}"),
            None => error.to_string(),
        };
        Self::Told { code, message, problems: problems_of(error) }
    }
}

fn problems_of(error: Error) -> Problems {
    match error {
        Error::Problem(problem) => Problems::from(*problem),
        Error::Refused(problems) => problems,
        _ => Problems::default(),
    }
}

/// What to do next, where the error does not say it itself.
fn advice(error: &Error) -> Option<&'static str> {
    match error {
        Error::NotFound(Entity::Store(_)) => Some("`carrack import` and `carrack create` make one"),
        Error::NotFound(Entity::Account(_)) => {
            Some("`carrack accounts STORE` lists those that are there")
        }
        Error::NotFound(Entity::Record(_)) => Some("`carrack ls` lists the records"),
        Error::Exists(Entity::KeyFile(_)) => {
            Some("a key is never overwritten: choose another name, or move the file away")
        }
        _ => None,
    }
}

/// What is said when the database cannot read its own file.
pub(in crate::cli) fn damaged_database(why: impl fmt::Display) -> String {
    format!(
        "the store is damaged, its database cannot read its own pages; restore it from a backup \
         ({why})"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrack::Code;

    fn code(error: Error) -> Option<u8> {
        match Failure::from(error) {
            Failure::Told { code, .. } => Some(code),
            Failure::Reported(_) | Failure::ReaderGone => None,
        }
    }

    fn io(kind: ErrorKind) -> Error {
        Error::Io { doing: "writing".to_owned(), source: kind.into() }
    }

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        let account = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap();
        assert_eq!(code(Error::NotFound(Entity::Store("x".into()))), Some(2));
        assert_eq!(code(Error::NotFound(Entity::Account(account))), Some(1));
        assert_eq!(code(Error::Refused(Problem::new(Code::NoRoot, "").into())), Some(1));
        assert_eq!(code(Error::Request(String::new())), Some(1));
        assert_eq!(code(Error::Key(String::new())), Some(1));
        assert_eq!(code(Error::Corrupt(String::new())), Some(2));
        assert_eq!(code(io(ErrorKind::PermissionDenied)), Some(2));
        assert_eq!(code(io(ErrorKind::BrokenPipe)), None);
    }
}
