//! Why a command did not answer: in one place from errors to words and exit codes.

use crate::cli::io::panics::{damaged_database, is_of_database};
use carrack::error::Entity;
use carrack::ident::SyntaxError;
use carrack::key::KeyError;
use carrack::{Error, Problem, Problems};
use std::fmt;
use std::io::ErrorKind;

/// The answer is no.
pub(in crate::cli) const NO: u8 = 1;
/// Wrong usage, or a file that cannot be read or written.
pub(in crate::cli) const UNUSABLE: u8 = 2;

/// Why a command stopped.
#[derive(Debug)]
pub(in crate::cli) enum Failure {
    /// The reader of the output has gone away.
    ReaderGone,
    /// Told on standard error only: the object on the standard output says it already.
    Printed {
        /// The exit code.
        code: u8,
        /// What happened, and what to do.
        message: String,
    },
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
            Self::Printed { code, message } => {
                Self::Printed { code, message: format!("{words}{message}") }
            }
            Self::Told { code, message, problems } => {
                Self::Told { code, message: format!("{words}{message}"), problems }
            }
        }
    }

    /// What is wrong with bytes from outside, if something is.
    pub(in crate::cli) fn problems(&self) -> Option<&Problems> {
        match self {
            Self::ReaderGone | Self::Printed { .. } => None,
            Self::Told { problems, .. } => Some(problems).filter(|problems| !problems.is_empty()),
        }
    }

    /// What it says.
    pub(in crate::cli) fn message(&self) -> &str {
        match self {
            Self::ReaderGone => "the reader of the output is gone",
            Self::Told { message, .. } | Self::Printed { message, .. } => message,
        }
    }

    /// The same once the JSON of the command says it.
    #[must_use]
    pub(in crate::cli) fn printed(self) -> Self {
        match self {
            Self::Told { code, message, .. } => Self::Printed { code, message },
            other => other,
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
            | Error::ReadOnly(_)
            | Error::UnreadableEvents { .. }
            | Error::Reopen(_)
            | Error::Stale(_)
            | Error::Closed(_) => UNUSABLE,
            _ => NO,
        };
        let message = words(&error);
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

/// What an error says at the command line: with what to do next, and in its words.
fn words(error: &Error) -> String {
    if let Error::HeadNotNamed { did, state, head } = error {
        return format!(
            "account {did} is {state}, with the head {head}: give --replace {head} to replace it"
        );
    }
    if let Error::ClockJumped { seconds, now } = error {
        return format!(
            "this machine's clock has jumped ahead by {seconds} s, to {now}: nothing is signed; check \
             the clock, then run the command again"
        );
    }
    if let Error::Reopen(why) = error {
        return why.clone();
    }
    match advice(error) {
        Some(advice) => format!("{}; {advice}", in_options(&error.to_string())),
        None => in_options(&error.to_string()),
    }
}

/// The options and commands for what a text of the library calls by the names of its interface.
const OPTIONS: [(&str, &str); 9] = [
    ("`ImportOptions::below_floor`", "`--below-floor`"),
    ("`ImportOptions::replace`", "`--replace`"),
    ("`ImportOptions::unverified`", "`--no-key`"),
    ("`PlcLog::verify_lines`", "`--did`"),
    ("`ExpectedHead::signed_by`", "`--key`, `--did-doc` or `--plc-log`"),
    ("`WriteOptions::rekey`", "`carrack write --rekey`"),
    ("`Engine::accept_rev`", "`carrack write --accept-rev`"),
    ("`Engine::check_trust`", "`carrack trust`"),
    ("`Engine::confirm_restore`", "`carrack backup confirm STORE --seq N --rev REV`"),
];

/// A text of the library in the words of the command line.
pub(in crate::cli) fn in_options(text: &str) -> String {
    let mut text = text.to_owned();
    for (name, option) in OPTIONS {
        if text.contains(name) {
            text = text.replace(name, option);
        }
    }
    text
}

/// A problem in the words of the command line.
pub(in crate::cli) fn in_words(mut problem: Problem) -> Problem {
    problem.message = in_options(&problem.message);
    problem
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

#[cfg(test)]
mod tests {
    use super::*;
    use carrack::Code;
    use carrack::block::{Cid, Codec};
    use carrack::engine::State;

    fn code(error: Error) -> Option<u8> {
        match Failure::from(error) {
            Failure::Told { code, .. } => Some(code),
            Failure::ReaderGone | Failure::Printed { .. } => None,
        }
    }

    fn io(kind: ErrorKind) -> Error {
        Error::Io { doing: "writing".to_owned(), source: kind.into() }
    }

    #[test]
    fn a_head_that_has_to_be_named_is_named() {
        let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap();
        let head = Cid::of(Codec::DagCbor, b"head");
        let state = State::Active;
        let said = words(&Error::HeadNotNamed { did, state, head: Box::new(head.clone()) });
        assert!(said.contains(&format!("give --replace {head} ")), "{said}");
    }

    /// Each name that is translated is one that the library's texts have.
    #[test]
    fn the_names_of_the_interface_are_those_of_the_texts() {
        let sources = [
            include_str!("../error/error.rs"),
            include_str!("../engine/import/admit.rs"),
            include_str!("../engine/diff/apply.rs"),
            include_str!("../follow/chain.rs"),
            include_str!("../identity/plc/audit.rs"),
        ];
        for (name, option) in OPTIONS {
            assert!(sources.iter().any(|source| source.contains(name)), "{name}");
            assert!(!sources.iter().any(|source| source.contains(option)), "{option}");
        }
        let text = "accept it (`Engine::accept_rev`)";
        assert_eq!(in_options(text), "accept it (`carrack write --accept-rev`)");
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
