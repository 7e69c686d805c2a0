//! The protocol's `datetime`: RFC 3339 in one strict form. The calendar is jiff's.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time, date};

/// The start of the microseconds of a clock.
const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);
const CLOCK_PATTERN: &[u8] = b"0000-00-00T00:00:00";
const NOT_OF_THE_FORM: &str = "it is not of the form 1985-04-12T23:20:50.123Z";

/// A parsed text.
pub(crate) struct Parts<'a> {
    /// The date and the local time to the second. A leap second is given as the second before it.
    pub clock: DateTime,
    /// Whether the second is 60.
    pub is_leap_second: bool,
    /// The digits of the fraction of a second; any number of them.
    pub fraction: &'a str,
    /// The offset from UTC in minutes.
    pub minutes_ahead: i64,
    /// The zone: `Z`, or an offset of hours and minutes.
    pub zone: &'a str,
}

/// The time in UTC, from microseconds since 1970. Years after 9999, which have no text form, become
/// the last moment that has one.
pub(crate) fn utc(micros: u64) -> DateTime {
    EPOCH.saturating_add(SignedDuration::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)))
}

/// The microseconds since 1970 of a time in UTC; `None` if it is earlier.
pub(crate) fn micros_of(utc: DateTime) -> Option<u64> {
    u64::try_from(utc.duration_since(EPOCH).as_micros()).ok()
}

/// Parses a text.
///
/// # Errors
/// The rule that is broken: the form, or a day or time that does not exist.
pub(crate) fn parse(text: &str) -> Result<Parts<'_>, &'static str> {
    let (clock, rest) = text.split_at_checked(CLOCK_PATTERN.len()).ok_or(NOT_OF_THE_FORM)?;
    if !matches(clock, CLOCK_PATTERN) {
        return Err(NOT_OF_THE_FORM);
    }
    let (day, time) = clock.split_once('T').ok_or(NOT_OF_THE_FORM)?;
    let day: Date = day.parse().map_err(|_| "no such day")?;
    let is_leap_second = time.ends_with(":60");
    let time: Time = time.parse().map_err(|_| "no such time of day")?;
    let (fraction, zone) = split_fraction(rest).ok_or(NOT_OF_THE_FORM)?;
    let minutes_ahead = minutes_ahead(zone).ok_or(NOT_OF_THE_FORM)?;
    Ok(Parts { clock: day.to_datetime(time), is_leap_second, fraction, minutes_ahead, zone })
}

/// Whether `text` has the form of `pattern`: a digit for each 0, and everything else as it is.
fn matches(text: &str, pattern: &[u8]) -> bool {
    let fits = |(byte, sign): (u8, &u8)| match sign {
        b'0' => byte.is_ascii_digit(),
        sign => byte == *sign,
    };
    text.len() == pattern.len() && text.bytes().zip(pattern).all(fits)
}

/// The digits of the fraction, if there is one, and what follows.
fn split_fraction(text: &str) -> Option<(&str, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some(("", text)) };
    let zone = rest.trim_start_matches(|sign: char| sign.is_ascii_digit());
    let fraction = rest.strip_suffix(zone)?;
    (!fraction.is_empty()).then_some((fraction, zone))
}

/// The offset of a zone in minutes; `None` if it is not a zone.
fn minutes_ahead(zone: &str) -> Option<i64> {
    match zone {
        "Z" => Some(0),
        // The specification refuses this form of "unknown".
        "-00:00" => None,
        _ => {
            let (sign, offset) = zone.split_at_checked(1)?;
            let offset = matches(offset, b"00:00").then_some(offset)?.parse::<Time>().ok()?;
            let minutes = 60 * i64::from(offset.hour()) + i64::from(offset.minute());
            match sign {
                "+" => Some(minutes),
                "-" => Some(-minutes),
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_that_has_a_text_goes_both_ways() {
        const MICROS_PER_DAY: u64 = 86_400_000_000;
        for day in 0..2_932_897 {
            let moment = utc(day * MICROS_PER_DAY);
            assert_eq!(micros_of(moment), Some(day * MICROS_PER_DAY));
            let text = format!("{moment}Z");
            assert_eq!(parse(&text).map(|parts| parts.clock), Ok(moment), "{text}");
        }
        assert_eq!(utc(2_932_897 * MICROS_PER_DAY), DateTime::MAX);
        assert_eq!(utc(u64::MAX), DateTime::MAX);
    }

    #[test]
    fn days_and_times_are_those_of_the_calendar() {
        let valid = |text: String| parse(&text).is_ok();
        for month in 0..100 {
            for day in 0..100 {
                for (year, february) in [(1900, 28), (2000, 29), (2023, 28), (2024, 29)] {
                    let days = match month {
                        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
                        4 | 6 | 9 | 11 => 30,
                        2 => february,
                        _ => 0,
                    };
                    let text = format!("{year:04}-{month:02}-{day:02}T00:00:00Z");
                    assert_eq!(valid(text.clone()), (1..=days).contains(&day), "{text}");
                }
            }
        }
        for number in 0..100 {
            assert_eq!(valid(format!("2000-01-01T{number:02}:00:00Z")), number < 24);
            assert_eq!(valid(format!("2000-01-01T00:{number:02}:00Z")), number < 60);
            assert_eq!(valid(format!("2000-01-01T00:00:{number:02}Z")), number <= 60);
            assert_eq!(valid(format!("2000-01-01T00:00:00+{number:02}:00")), number < 24);
            assert_eq!(valid(format!("2000-01-01T00:00:00-01:{number:02}")), number < 60);
        }
    }

    #[test]
    fn a_text_is_taken_apart() {
        let parts = parse("2016-12-31T23:59:60.1234567-01:30").unwrap();
        assert_eq!(parts.clock, date(2016, 12, 31).at(23, 59, 59, 0));
        assert!(parts.is_leap_second);
        assert_eq!((parts.fraction, parts.zone), ("1234567", "-01:30"));
        assert_eq!(parts.minutes_ahead, -90);
    }
}
