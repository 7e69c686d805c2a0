//! The directory's timestamps: `2023-04-12T04:53:57.057Z`, in microseconds since 1970.

const DAYS_TO_1970: u64 = 719_468;
const SECONDS_PER_DAY: u64 = 86_400;

/// Reads a time in UTC; digits below a microsecond are dropped.
pub(super) fn parse(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_of_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !valid || fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let micros = format!("{fraction:0<6}").get(..6)?.parse::<u64>().ok()?;
    let days = days_since_1970(year, month, day);
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    Some(seconds * 1_000_000 + micros)
}

/// Writes a time to the millisecond, as the directory does; to the microsecond if it has any.
pub(super) fn format(micros: u64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let fraction = match (fraction / 1000, fraction % 1000) {
        (millis, 0) => format!("{millis:03}"),
        _ => format!("{fraction:06}"),
    };
    let (days, rest) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction}Z")
}

/// Three numbers of so many digits each.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        let decimal = part.bytes().all(|byte| byte.is_ascii_digit());
        *number = if decimal { part.parse().ok()? } else { return None };
    }
    parts.next().is_none().then_some(numbers)
}

fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

// Years are counted from March here, so that the leap day is the last of its year; day 0 is
// 1 March of the year 0, and a month m after March begins on day (153 m + 2) / 5.

fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - DAYS_TO_1970
}

fn date_of(days_since_1970: u64) -> (u64, u64, u64) {
    const DAYS_PER_400_YEARS: u64 = 146_097;
    let days = days_since_1970 + DAYS_TO_1970;
    let (era, day) = (days / DAYS_PER_400_YEARS, days % DAYS_PER_400_YEARS);
    let leap_days = day / 1460 - day / 36_524 + day / 146_096;
    let year_of_era = (day - leap_days) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times() {
        for (text, micros) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2000-02-29T23:59:59.999Z", 951_868_799_999_000),
            ("2001-09-09T01:46:40.000Z", 1_000_000_000_000_000),
            ("2023-04-12T04:53:57.057Z", 1_681_275_237_057_000),
            ("2023-04-12T04:53:57.057001Z", 1_681_275_237_057_001),
        ] {
            assert_eq!(parse(text), Some(micros), "{text}");
            assert_eq!(format(micros), text);
        }
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("1970-01-01T00:00:00.1234567Z"), Some(123_456));
    }

    #[test]
    fn each_day_of_five_centuries_goes_both_ways() {
        for day in 0..500 * 366_u64 {
            let micros = day * SECONDS_PER_DAY * 1_000_000 + 1000;
            assert_eq!(parse(&format(micros)), Some(micros));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "Z",
            "2023-04-12",
            "2023-04-12T04:53:57.057",
            "2023-04-12T04:53:57.057+00:00",
            "2023-02-29T00:00:00.000Z",
            "2023-13-01T00:00:00.000Z",
            "2023-00-01T00:00:00.000Z",
            "2023-01-00T00:00:00.000Z",
            "2023-01-01T24:00:00.000Z",
            "2023-01-01T00:00:60.000Z",
            "1969-12-31T23:59:59.000Z",
            "2023-1-01T00:00:00.000Z",
            "+023-01-01T00:00:00.000Z",
            "2023-01-01T00:00:00.Z",
            "2023-01-01T00:00:00.0a0Z",
            "2023-01-01T00:00:00.00\u{e9}Z",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
