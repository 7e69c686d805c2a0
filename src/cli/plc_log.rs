//! A did:plc log in any of the forms that a directory gives.

use carrack::block::Cid;
use carrack::ident::Did;
use carrack::identity::plc::{OperationLog, PlcLog, PlcState};
use carrack::key::VerifyingKey;
use carrack::parts::files::FileKind;
use carrack::{Code, Problem};

/// A verified log.
#[derive(Clone, Debug)]
pub(in crate::cli) enum GivenLog {
    /// `/log/audit`.
    Audit(PlcLog),
    /// Lines of `/export`.
    Export(PlcLog),
    /// `/log`, which has no times and nothing that was undone.
    Operations(OperationLog),
}

impl GivenLog {
    /// Verifies a log of `did`, or of the one identity that it is of.
    pub(in crate::cli) fn verify(json: &[u8], did: Option<&Did>) -> Result<Self, Problem> {
        let log = match FileKind::of(json) {
            Some(FileKind::OperationLog) => Self::Operations(OperationLog::verify(json)?),
            Some(FileKind::LogLines) => Self::Export(PlcLog::verify_lines(json, did)?),
            _ => Self::Audit(PlcLog::verify(json)?),
        };
        match did {
            Some(did) if did != log.did() => {
                let message = format!("this is the log of {}, where {did} was expected", log.did());
                Err(Problem::new(Code::DidMismatch, message))
            }
            _ => Ok(log),
        }
    }

    /// The form, in a word.
    pub(in crate::cli) fn form(&self) -> &'static str {
        match self {
            Self::Audit(_) => "audit",
            Self::Export(_) => "export",
            Self::Operations(_) => "operations",
        }
    }

    pub(in crate::cli) fn did(&self) -> &Did {
        match self {
            Self::Audit(log) | Self::Export(log) => log.did(),
            Self::Operations(log) => log.did(),
        }
    }

    /// The CIDs of the operations that stand.
    pub(in crate::cli) fn chain(&self) -> Vec<&Cid> {
        match self {
            Self::Audit(log) | Self::Export(log) => log.chain().collect(),
            Self::Operations(log) => log.chain().collect(),
        }
    }

    /// For each operation whether a later one undid it; `None` where that cannot be known.
    pub(in crate::cli) fn nullified(&self) -> Option<Vec<bool>> {
        match self {
            Self::Audit(log) | Self::Export(log) => Some(log.nullified()),
            Self::Operations(_) => None,
        }
    }

    /// The present state; `None` after a tombstone.
    pub(in crate::cli) fn state(&self) -> Option<&PlcState> {
        match self {
            Self::Audit(log) | Self::Export(log) => log.state(),
            Self::Operations(log) => log.state(),
        }
    }

    /// The key that signs repositories now.
    pub(in crate::cli) fn signing_key(&self) -> Option<VerifyingKey> {
        self.state().and_then(PlcState::signing_key)
    }

    /// The keys that signed before.
    pub(in crate::cli) fn former_signing_keys(&self) -> Vec<VerifyingKey> {
        match self {
            Self::Audit(log) | Self::Export(log) => {
                let periods = log.signing_keys_at_any_time().into_iter();
                let ended = periods.filter(|period| period.until_micros.is_some());
                ended.map(|period| period.value).collect()
            }
            Self::Operations(log) => log.former_signing_keys(),
        }
    }
}

/// The present signing key as the log has it, whether or not Carrack can use it.
pub(in crate::cli) fn stated_signing_key(state: &PlcState) -> Option<&str> {
    state.verification_methods.get("atproto").map(String::as_str)
}
