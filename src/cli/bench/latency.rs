use crate::cli::bench::figures::{float, micros};
use serde_json::{Value, json};
use std::time::Duration;

/// How long each of many things took, shortest first.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Latencies(Vec<u64>);

/// Shares in ten thousandths, and their names.
const SHARES: [(u64, &str); 6] = [
    (1_000, "p10_micros"),
    (5_000, "p50_micros"),
    (9_000, "p90_micros"),
    (9_900, "p99_micros"),
    (9_990, "p999_micros"),
    (10_000, "max_micros"),
];

impl Latencies {
    pub(in crate::cli) fn of(durations: Vec<Duration>) -> Self {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let mut all: Vec<u64> = durations.into_iter().map(nanos).collect();
        all.sort_unstable();
        Self(all)
    }

    /// The nanoseconds that `share` ten thousandths of all stayed within, by nearest rank.
    pub(in crate::cli) fn at(&self, share: u64) -> Option<u64> {
        let rank = (self.0.len() as u64 * share).div_ceil(10_000).max(1);
        self.0.get(usize::try_from(rank - 1).ok()?).copied()
    }

    pub(in crate::cli) fn to_json(&self) -> Value {
        let mut out = json!({ "count": self.0.len(), "mean_micros": self.mean_micros() });
        if let Some(fields) = out.as_object_mut() {
            fields.extend(
                SHARES.map(|(share, name)| (name.to_owned(), self.at(share).map(micros).into())),
            );
        }
        out
    }

    fn mean_micros(&self) -> Option<f64> {
        let sum: u64 = self.0.iter().sum();
        (!self.0.is_empty()).then(|| float(sum) / float(self.0.len() as u64) / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(nanos: impl IntoIterator<Item = u64>) -> Latencies {
        Latencies::of(nanos.into_iter().map(Duration::from_nanos).collect())
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        // The example that textbooks give for the method.
        let five = latencies([50, 20, 35, 15, 40]);
        let at = |share| five.at(share).unwrap();
        assert_eq!([at(500), at(3000), at(4000), at(5000), at(10_000)], [15, 20, 20, 35, 50]);
        let thousand = latencies(1..=1000);
        assert_eq!(thousand.at(9_900), Some(990));
        assert_eq!(thousand.at(9_990), Some(999));
        assert_eq!(latencies([7]).at(5_000), Some(7));
    }

    #[test]
    fn of_nothing_nothing_is_known() {
        let none = latencies([]);
        assert_eq!(none.at(5_000), None);
        assert_eq!(none.to_json()["p50_micros"], Value::Null);
        assert_eq!(none.to_json()["mean_micros"], Value::Null);
    }
}
