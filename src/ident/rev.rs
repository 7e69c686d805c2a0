use super::SyntaxError;
use crate::env::Clock;
use crate::limits::CLOCK_DRIFT_MAX_MICROS;
use std::fmt;
use std::str::FromStr;

/// Why no revision exists for a time: a clock is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevError {
    /// The revision is further ahead of the clock than [`CLOCK_DRIFT_MAX_MICROS`]: the clock is
    /// behind, or the clock that made the revision was ahead.
    #[error("revision {rev} is ahead of this machine's clock; check the clock, or wait")]
    Ahead {
        /// The revision.
        rev: Rev,
    },
    /// The time needs more than 53 bits (the year 2255).
    #[error(
        "revision at microsecond {micros} is ahead of this machine's clock; check the clock, or wait"
    )]
    OutOfRange {
        /// Microseconds since 1970.
        micros: u64,
    },
}

/// A revision of a repository: a TID, which combines a time in microseconds and a clock id.
/// Specification: <https://atproto.com/specs/tid>.
///
/// A zero bit, 53 bits of microseconds since 1970 and 10 bits of clock id, written as 13 characters
/// of a base32 that sorts like the numbers.
///
/// ```
/// use carrack::ident::Rev;
/// let rev: Rev = "3jzfcijpj2z2a".parse()?;
/// assert_eq!(rev.to_string(), "3jzfcijpj2z2a");
/// assert_eq!(rev.micros() / 1_000_000, 1_688_137_381);
/// assert!(rev < "3jzfcijpj2z2b".parse()?);
/// # Ok::<(), carrack::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rev(u64);

const ALPHABET: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
const CHARS: usize = 13;
const CLOCK_ID_BITS: u32 = 10;
const CLOCK_ID_MASK: u64 = (1 << CLOCK_ID_BITS) - 1;
const MICROS_MAX: u64 = (1 << 53) - 1;

impl Rev {
    /// The revision with this number.
    ///
    /// # Errors
    /// [`SyntaxError`] if the highest bit is set.
    pub fn from_u64(number: u64) -> Result<Self, SyntaxError> {
        if number >> 63 == 0 {
            Ok(Self(number))
        } else {
            Err(SyntaxError::new("revision", &number.to_string(), "the highest bit is set"))
        }
    }

    /// The revision of this time, in microseconds since 1970. The lower ten bits of `clock_id` are
    /// used.
    ///
    /// # Errors
    /// [`RevError::OutOfRange`] if the time needs more than 53 bits (the year 2255).
    pub fn from_micros(micros: u64, clock_id: u16) -> Result<Self, RevError> {
        if micros > MICROS_MAX {
            return Err(RevError::OutOfRange { micros });
        }
        Ok(Self(micros << CLOCK_ID_BITS | (u64::from(clock_id) & CLOCK_ID_MASK)))
    }

    /// The revision to sign after `last`: the clock's time, or one microsecond after `last` if the
    /// clock is not past it. The lower ten bits of `clock_id` are used.
    ///
    /// ```
    /// use carrack::env::ManualClock;
    /// use carrack::ident::Rev;
    /// let clock = ManualClock::new(1_700_000_000_000_000);
    /// let first = Rev::after(None, &clock, 7)?;
    /// let second = Rev::after(Some(first), &clock, 7)?;
    /// assert_eq!(second.micros(), first.micros() + 1);
    /// clock.set(1_600_000_000_000_000);
    /// assert!(Rev::after(Some(second), &clock, 7).is_err());
    /// # Ok::<(), carrack::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`RevError::Ahead`] if `last` is further ahead of the clock than [`CLOCK_DRIFT_MAX_MICROS`],
    /// [`RevError::OutOfRange`] if no later revision exists.
    pub fn after(last: Option<Self>, clock: &dyn Clock, clock_id: u16) -> Result<Self, RevError> {
        let now = clock.now_micros();
        let Some(last) = last else { return Self::from_micros(now, clock_id) };
        if last.is_ahead_of(now) {
            return Err(RevError::Ahead { rev: last });
        }
        Self::from_micros(now.max(last.micros() + 1), clock_id)
    }

    /// The revision one microsecond after this one, for any time of the clock. The lower ten bits
    /// of `clock_id` are used.
    ///
    /// # Errors
    /// [`RevError::OutOfRange`] if no later revision exists.
    pub fn next(self, clock_id: u16) -> Result<Self, RevError> {
        Self::from_micros(self.micros() + 1, clock_id)
    }

    /// Whether it is further ahead of the clock than [`CLOCK_DRIFT_MAX_MICROS`].
    pub fn is_future(self, clock: &dyn Clock) -> bool {
        self.is_ahead_of(clock.now_micros())
    }

    /// The revision as a number, which sorts like the text.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// Microseconds since 1970.
    pub fn micros(self) -> u64 {
        self.0 >> CLOCK_ID_BITS
    }

    /// The clock id, 0 to 1023.
    pub fn clock_id(self) -> u16 {
        u16::try_from(self.0 & CLOCK_ID_MASK).unwrap_or_default()
    }

    fn is_ahead_of(self, now_micros: u64) -> bool {
        self.micros() > now_micros.saturating_add(CLOCK_DRIFT_MAX_MICROS)
    }
}

impl fmt::Display for Rev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..CHARS).rev().try_for_each(|place| {
            let digit = (self.0 >> (5 * place)) & 31;
            let char = usize::try_from(digit).ok().and_then(|digit| ALPHABET.get(digit));
            fmt::Write::write_char(f, char::from(*char.unwrap_or(&b'2')))
        })
    }
}

impl fmt::Debug for Rev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Rev {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let wrong = |reason| SyntaxError::new("revision", text, reason);
        if text.len() != CHARS {
            return Err(wrong("a TID has 13 characters"));
        }
        // 13 digits are 65 bits, of which the first two must be 0.
        if !matches!(text.as_bytes().first(), Some(b'2'..=b'7' | b'a' | b'b')) {
            return Err(wrong("its highest bit is set"));
        }
        let number = text.bytes().try_fold(0_u64, |number, byte| {
            let digit = match byte {
                b'2'..=b'7' => byte - b'2',
                b'a'..=b'z' => byte - b'a' + 6,
                _ => return None,
            };
            Some(number << 5 | u64::from(digit))
        });
        Self::from_u64(number.ok_or_else(|| wrong("a TID is made of 2 to 7 and a to z"))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::ManualClock;
    use proptest::prelude::*;

    const NOW: u64 = 1_700_000_000_000_000;

    proptest! {
        #[test]
        fn text_and_number_agree(a in 0..=u64::MAX >> 1, b in 0..=u64::MAX >> 1) {
            let [a, b] = [a, b].map(|n| Rev::from_u64(n).unwrap());
            prop_assert_eq!(a.to_string().parse::<Rev>().unwrap(), a);
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
            prop_assert_eq!(Rev::from_micros(a.micros(), a.clock_id()).unwrap(), a);
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(Rev(0).to_string(), "2222222222222");
        assert_eq!(Rev(u64::MAX >> 1).to_string(), "bzzzzzzzzzzzz");
        assert!("c222222222222".parse::<Rev>().is_err());
        assert!(Rev::from_u64(1 << 63).is_err());
        let last = Rev(u64::MAX >> 1);
        for now in [MICROS_MAX, u64::MAX] {
            let error = Rev::after(Some(last), &ManualClock::new(now), 0).unwrap_err();
            assert!(matches!(error, RevError::Ahead { .. } | RevError::OutOfRange { .. }));
        }
        assert!(Rev::after(None, &ManualClock::new(MICROS_MAX), 0).is_ok());
    }

    #[test]
    fn revisions_ascend_when_the_clock_steps_back() {
        let clock = ManualClock::new(NOW);
        let first = Rev::after(None, &clock, 1023).unwrap();
        clock.set(NOW - CLOCK_DRIFT_MAX_MICROS);
        let second = Rev::after(Some(first), &clock, 0).unwrap();
        assert!(second > first);
        assert!(!first.is_future(&clock));
        assert!(second.is_future(&clock));
        assert!(matches!(Rev::after(Some(second), &clock, 0), Err(RevError::Ahead { .. })));
        clock.advance(1);
        assert!(Rev::after(Some(second), &clock, 0).unwrap() > second);
    }

    #[test]
    fn a_clock_id_is_cut_to_ten_bits() {
        assert_eq!(Rev::from_micros(NOW, u16::MAX).unwrap().clock_id(), 1023);
        assert_eq!(Rev::from_micros(NOW, u16::MAX).unwrap().micros(), NOW);
    }
}
