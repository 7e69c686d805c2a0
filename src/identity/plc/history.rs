use super::PlcLog;
use super::state::PlcState;
use crate::key::VerifyingKey;

/// A value in an identity's history and the time when it was in force. The times are the
/// directory's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Period<T> {
    /// The value.
    pub value: T,
    /// The start, in microseconds since 1970.
    pub from_micros: u64,
    /// The end, in microseconds since 1970; `None` if it is in force.
    pub until_micros: Option<u64>,
}

impl PlcLog {
    /// The keys that signed commits, by all operations in force, oldest first. A key that was set
    /// again after others has a period for each time; unusable keys are left out.
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

    /// The periods of the values that `said` selects, by the operations in force; an undone
    /// operation never counts.
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
