use super::PlcLog;
use super::state::PlcState;
use crate::key::VerifyingKey;

/// Something that an identity said, and when. Times are the directory's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Period<T> {
    /// What it said.
    pub value: T,
    /// From when, in microseconds since 1970.
    pub from_micros: u64,
    /// Until when; none if it says so still.
    pub until_micros: Option<u64>,
}

impl PlcLog {
    /// The keys for repository commits of all operations that stand, oldest first. A key that
    /// came back after others has a period for each time; unusable ones are left out.
    pub fn signing_keys_at_any_time(&self) -> Vec<Period<VerifyingKey>> {
        self.history(|state| state.signing_key().into_iter().collect())
    }

    /// The servers that hosted the account, oldest first.
    pub fn pds_at_any_time(&self) -> Vec<Period<String>> {
        self.history(|state| state.pds().map(str::to_owned).into_iter().collect())
    }

    /// The handles that were claimed, without `at://`, oldest first.
    pub fn handles_at_any_time(&self) -> Vec<Period<String>> {
        self.history(|state| state.handles().map(str::to_owned).collect())
    }

    /// The periods of what `said` picks, by the operations that stand: one that was undone never
    /// counted.
    fn history<T: PartialEq>(&self, said: impl Fn(&PlcState) -> Vec<T>) -> Vec<Period<T>> {
        let mut periods: Vec<Period<T>> = Vec::new();
        for entry in self.standing_entries() {
            let now = entry.created_micros;
            let values = entry.operation.state().map(&said).unwrap_or_default();
            for open in periods.iter_mut().filter(|period| period.until_micros.is_none()) {
                if !values.contains(&open.value) {
                    open.until_micros = Some(now);
                }
            }
            for value in values {
                let open = |period: &Period<T>| period.until_micros.is_none();
                if !periods.iter().any(|period| open(period) && period.value == value) {
                    periods.push(Period { value, from_micros: now, until_micros: None });
                }
            }
        }
        periods
    }
}
