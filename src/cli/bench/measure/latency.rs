use crate::cli::bench::measure::figures::micros;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long each of many things took: percentiles by nearest rank, to three digits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::cli) struct Latencies {
    pub(in crate::cli) count: u64,
    pub(in crate::cli) mean_micros: Option<f64>,
    pub(in crate::cli) p10_micros: Option<f64>,
    pub(in crate::cli) p50_micros: Option<f64>,
    pub(in crate::cli) p90_micros: Option<f64>,
    pub(in crate::cli) p99_micros: Option<f64>,
    pub(in crate::cli) p999_micros: Option<f64>,
    pub(in crate::cli) max_micros: Option<f64>,
}

const DIGITS: u8 = 3;
/// An hour. What takes longer counts as this.
const NANOS_MAX: u64 = 3_600_000_000_000;

impl Latencies {
    /// Of no durations, nothing is known but their count.
    pub(in crate::cli) fn of(durations: &[Duration]) -> Self {
        let Ok(mut histogram) = Histogram::<u64>::new_with_bounds(1, NANOS_MAX, DIGITS) else {
            return Self::default();
        };
        for duration in durations {
            let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
            histogram.saturating_record(nanos);
        }
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |share| Some(micros(histogram.value_at_quantile(share)));
        Self {
            count: histogram.len(),
            mean_micros: Some(histogram.mean() / 1e3),
            p10_micros: at(0.1),
            p50_micros: at(0.5),
            p90_micros: at(0.9),
            p99_micros: at(0.99),
            p999_micros: at(0.999),
            max_micros: at(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(nanos: impl IntoIterator<Item = u64>) -> Latencies {
        Latencies::of(&nanos.into_iter().map(Duration::from_nanos).collect::<Vec<_>>())
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let thousand = latencies(1..=1000);
        assert_eq!(thousand.count, 1000);
        assert_eq!(thousand.p10_micros, Some(0.1));
        assert_eq!(thousand.p50_micros, Some(0.5));
        assert_eq!(thousand.p99_micros, Some(0.99));
        assert_eq!(thousand.p999_micros, Some(0.999));
        assert_eq!(thousand.max_micros, Some(1.0));
        assert_eq!(thousand.mean_micros, Some(0.5005));
        assert_eq!(latencies([7]).p50_micros, Some(0.007));
    }

    #[test]
    fn of_nothing_nothing_is_known() {
        let none = serde_json::to_value(latencies([])).unwrap();
        assert_eq!(none["count"], 0);
        assert_eq!(none["p50_micros"], serde_json::Value::Null);
        assert_eq!(none["mean_micros"], serde_json::Value::Null);
    }
}
