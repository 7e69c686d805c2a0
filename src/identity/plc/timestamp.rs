//! The directory's timestamps: `2023-04-12T04:53:57.057Z`, in microseconds since 1970.

use crate::ident::datetime;

/// Reads a time in UTC; digits below a microsecond are dropped.
pub(super) fn parse(text: &str) -> Option<u64> {
    let parts = datetime::parse(text).ok()?;
    if parts.zone != "Z" || parts.is_leap_second {
        return None;
    }
    let micros: u64 = format!("{:0<6}", parts.fraction).get(..6)?.parse().ok()?;
    Some(datetime::micros_of(parts.clock)? + micros)
}

/// Writes a time to the millisecond, as the directory does; to the microsecond if it has any.
pub(super) fn format(micros: u64) -> String {
    let time = datetime::utc(micros);
    if micros.is_multiple_of(1000) { format!("{time:.3}Z") } else { format!("{time:.6}Z") }
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
