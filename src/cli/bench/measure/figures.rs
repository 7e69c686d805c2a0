//! Numbers that are measured, and how they are shown.

use crate::cli::text::{bytes, count};
use serde::Serialize;

/// A count as a number with a fraction.
#[allow(clippy::cast_precision_loss, reason = "measured numbers are shown to few digits")]
pub(in crate::cli) fn float(number: u64) -> f64 {
    number as f64
}

/// Nanoseconds as microseconds.
pub(in crate::cli) fn micros(nanos: u64) -> f64 {
    float(nanos) / 1e3
}

/// How many in a second.
pub(in crate::cli) fn rate(number: u64, seconds: f64) -> f64 {
    float(number) / seconds.max(1e-9)
}

/// Median, least and most of what some runs took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(in crate::cli) struct Spread {
    pub(in crate::cli) median: f64,
    pub(in crate::cli) min: f64,
    pub(in crate::cli) max: f64,
}

impl Spread {
    /// `None` for no runs. Of an even number, the median is the lower of the two in the middle.
    pub(in crate::cli) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let median = *values.get((values.len() - 1) / 2)?;
        Some(Self { median, min, max })
    }
}

/// A number for a table, or a dash.
pub(in crate::cli) fn shown(value: Option<f64>, show: fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

/// `0.123 s`, `4.56 ms`, `78.9 us`.
pub(in crate::cli) fn time(seconds: f64) -> String {
    match seconds {
        10.0.. => format!("{seconds:.1} s"),
        1.0.. => format!("{seconds:.2} s"),
        1e-3.. => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{:.1} us", seconds * 1e6),
    }
}

/// The same of microseconds.
pub(in crate::cli) fn time_of_micros(micros: f64) -> String {
    time(micros / 1e6)
}

/// Bytes, in decimal units.
pub(in crate::cli) fn size(number: f64) -> String {
    bytes(whole(number))
}

/// A count with commas.
pub(in crate::cli) fn tally(number: f64) -> String {
    count(whole(number))
}

/// How many times as much.
pub(in crate::cli) fn times(ratio: f64) -> String {
    format!("{ratio:.2}x")
}

/// The nearest count.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is rounded first")]
pub(in crate::cli) fn whole(number: f64) -> u64 {
    number.round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_one_of_the_runs() {
        let spread = Spread::of(vec![3.0, 1.0, 2.0, 9.0]);
        assert_eq!(spread, Some(Spread { median: 2.0, min: 1.0, max: 9.0 }));
        assert_eq!(Spread::of(Vec::new()), None);
    }

    #[test]
    fn figures_have_units() {
        assert_eq!(time(12.34), "12.3 s");
        assert_eq!(time(0.0123), "12.30 ms");
        assert_eq!(time_of_micros(45.67), "45.7 us");
        assert_eq!(tally(1234.6), "1,235");
        assert_eq!(size(2_500_000.0), "2.50 MB");
        assert_eq!(shown(None, tally), "-");
    }
}
