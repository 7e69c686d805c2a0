use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// When an event was made, as text: RFC 3339 in the form that the protocol's `datetime` has.
///
/// The text is kept as it came. It orders nothing: that is what `seq` and `rev` are for.
///
/// ```
/// use carrack::event::Timestamp;
/// let time = Timestamp::from_micros(1_700_000_000_123_456);
/// assert_eq!(time.as_str(), "2023-11-14T22:13:20.123Z");
/// assert!("2023-11-14 22:13:20Z".parse::<Timestamp>().is_err());
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Timestamp(Arc<str>);

/// Longer than any text that says a time; the fraction may have any number of digits.
const CHARS_MAX: usize = 64;
const MICROS_PER_DAY: u64 = 86_400_000_000;

impl Timestamp {
    /// The time of so many microseconds since 1970, in UTC, to the millisecond. Years behind
    /// 9999, which have no text form, are cut to the last moment that has.
    pub fn from_micros(micros: u64) -> Self {
        const LAST: u64 = 253_402_300_799_999_999;
        let micros = micros.min(LAST);
        let (year, month, day) = civil(micros / MICROS_PER_DAY);
        let millis = micros % MICROS_PER_DAY / 1000;
        let (hour, minute) = (millis / 3_600_000, millis / 60_000 % 60);
        let (second, milli) = (millis / 1000 % 60, millis % 1000);
        let text =
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z");
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Year, month and day of so many days after 1970-01-01, in the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    // Counted in eras of 400 years, in years that begin in March, so that a leap day comes last.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (400 * era + year_of_era + u64::from(month <= 2), month, day)
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match check(text.as_bytes()) {
            Ok(()) => Ok(Self(text.into())),
            Err(reason) => Err(Error::syntax("timestamp", text, reason)),
        }
    }
}

fn check(text: &[u8]) -> Result<(), &'static str> {
    if text.len() > CHARS_MAX {
        return Err("longer than 64 characters");
    }
    let form = || "it is not of the form 1985-04-12T23:20:50.123Z";
    let (clock, rest) = text.split_at_checked(19).ok_or_else(form)?;
    let numbers = fields(clock, b"0000-00-00T00:00:00").ok_or_else(form)?;
    let [c, y, month, day, hour, minute, second] = numbers[..] else { return Err(form()) };
    if !(1..=12).contains(&month) || !(1..=days_of(100 * c + y, month)).contains(&day) {
        return Err("no such day");
    }
    if hour > 23 || minute > 59 || second > 60 {
        return Err("no such time of day");
    }
    let zone = skip_fraction(rest).ok_or_else(form)?;
    let ahead = minutes_ahead(zone).ok_or_else(form)?;
    if [c, y, month, day] == [0, 0, 1, 1] && 60 * hour + minute < ahead {
        return Err("before the year 0");
    }
    Ok(())
}

/// The two-digit numbers of `text`, whose form `pattern` shows: a digit for each 0.
fn fields(text: &[u8], pattern: &[u8]) -> Option<Vec<u32>> {
    let mut digits = Vec::with_capacity(text.len());
    if text.len() != pattern.len() {
        return None;
    }
    for (byte, sign) in text.iter().zip(pattern) {
        match (sign, byte) {
            (b'0', b'0'..=b'9') => digits.push(u32::from(byte - b'0')),
            (sign, byte) if sign == byte && *sign != b'0' => {}
            _ => return None,
        }
    }
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |sum, digit| 10 * sum + digit)).collect())
}

fn days_of(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(400) || (year.is_multiple_of(4) && !year.is_multiple_of(100));
    match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn skip_fraction(text: &[u8]) -> Option<&[u8]> {
    let Some(fraction) = text.strip_prefix(b".") else { return Some(text) };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 { None } else { fraction.get(digits..) }
}

/// By how many minutes a zone is ahead of UTC, 0 for those behind it; `None` if it is no zone.
fn minutes_ahead(zone: &[u8]) -> Option<u32> {
    match zone {
        b"Z" => Some(0),
        // The specification refuses this way to say "unknown".
        b"-00:00" => None,
        [sign @ (b'+' | b'-'), offset @ ..] => match fields(offset, b"00:00")?[..] {
            [hours @ 0..24, minutes @ 0..60] => {
                Some(if *sign == b'+' { 60 * hours + minutes } else { 0 })
            }
            _ => None,
        },
        _ => None,
    }
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
    fn every_day_of_eight_centuries_comes_after_the_one_before() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for number in 0..800 * 365_u64 {
            assert_eq!(civil(number), (year, month, day));
            day += 1;
            let [y, m] = [year, month].map(|n| u32::try_from(n).unwrap());
            if day > u64::from(days_of(y, m)) {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
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
