//! Numbers and words for people.

use carrack::engine::{Trust, TrustKey};
use indicatif::{DecimalBytes, HumanCount};

/// With commas between thousands: `1,234,567`.
pub(in crate::cli) fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// A number and the thing counted: `1 record`, `2 records`.
pub(in crate::cli) fn things(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", count(number))
}

/// Bytes in decimal units: `12.34 MB`.
pub(in crate::cli) fn bytes(number: u64) -> String {
    DecimalBytes(number).to_string()
}

/// A number per duration, as a count per second.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is shown to few digits"
)]
pub(in crate::cli) fn per_second(number: u64, seconds: f64) -> u64 {
    (number as f64 / seconds.max(1e-6)).round() as u64
}

/// The first of what may be there, or a dash.
pub(in crate::cli) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// How far a head is verified, in words.
pub(in crate::cli) fn trust(trust: Trust, key: Option<TrustKey>) -> String {
    match key {
        Some(key) => format!("{}, {} key", trust.name(), key.name()),
        None => trust.name().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
        assert_eq!(things(1, "problem"), "1 problem");
        assert_eq!(things(2, "problem"), "2 problems");
    }

    #[test]
    fn sizes_and_rates_have_units() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_250_000), "1.25 MB");
        assert_eq!(per_second(100, 0.5), 200);
        assert_eq!(or_dash(None::<u8>), "-");
    }
}
