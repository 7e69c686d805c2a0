use super::{SyntaxError, datetime};
use jiff::SignedDuration;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The time of an event as text: RFC 3339 in the form of the protocol's `datetime`. Specification:
/// <https://atproto.com/specs/lexicon>.
///
/// The text is kept unchanged. Events are ordered by `seq` and `rev`, not by time.
///
/// ```
/// use carrack::ident::Timestamp;
/// let time = Timestamp::from_micros(1_700_000_000_123_456);
/// assert_eq!(time.as_str(), "2023-11-14T22:13:20.123Z");
/// assert!("2023-11-14 22:13:20Z".parse::<Timestamp>().is_err());
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Timestamp(Arc<str>);

/// An upper limit on the text; the fraction may have any number of digits.
const CHARS_MAX: usize = 64;

impl Timestamp {
    /// The time in UTC to the millisecond, from microseconds since 1970. Years after 9999, which
    /// have no text form, become the last moment that has one.
    pub fn from_micros(micros: u64) -> Self {
        Self(format!("{:.3}Z", datetime::utc(micros)).into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Timestamp {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        match check(text) {
            Ok(()) => Ok(Self(text.into())),
            Err(reason) => Err(SyntaxError::new("timestamp", text, reason)),
        }
    }
}

fn check(text: &str) -> Result<(), &'static str> {
    if text.len() > CHARS_MAX {
        return Err("longer than 64 characters");
    }
    let parts = datetime::parse(text)?;
    if parts.clock.saturating_sub(SignedDuration::from_mins(parts.minutes_ahead)).year() < 0 {
        return Err("before the year 0");
    }
    Ok(())
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_calendar() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000_000, "2000-03-01T00:00:00.000Z"),
            (1_709_164_800_000_000, "2024-02-29T00:00:00.000Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_micros(micros).as_str(), text);
        }
    }

    #[test]
    fn syntax_is_that_of_the_interoperability_vectors() {
        let table = include_str!("../../tests/vectors/syntax.tsv");
        let rows: Vec<&str> = table.lines().filter(|row| row.starts_with("datetime\t")).collect();
        assert!(rows.len() > 70, "{} rows", rows.len());
        for row in rows {
            let [_, verdict, text] = row.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{row}")
            };
            let text: String = serde_json::from_str(text).unwrap();
            assert_eq!(text.parse::<Timestamp>().is_ok(), verdict == "valid", "{text:?}");
        }
    }
}
