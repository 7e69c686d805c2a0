use crate::problem::{Code, Problem};
use std::fmt;

/// Where and why bytes are not the DRISL that was expected.
///
/// ```
/// use carrack::block::drisl::FaultKind;
/// use carrack::parts::drisl::Decoder;
/// use carrack::Code;
/// let fault = Decoder::new(&[0x18, 0x01]).uint().unwrap_err();
/// assert_eq!(fault.offset, 0);
/// assert!(fault.is_canonical_form());
/// assert_eq!(fault.problem(Code::BadNode).code, Code::NonCanonical);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, in bytes from the start of what was decoded.
    pub offset: usize,
    /// Why.
    pub kind: FaultKind,
}

/// The rule of the encoding that a [`Fault`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The bytes end inside a value.
    Truncated,
    /// The content may be right, the encoding is not the canonical one; says which rule it breaks.
    NonCanonical(&'static str),
    /// A value of another type stands here; says which was expected.
    Type(&'static str),
    /// Something that the data model has no place for; says what.
    Forbidden(&'static str),
    /// Another map key was expected here: this one.
    Key(Box<str>),
    /// More containers inside each other than [`crate::limits::CBOR_DEPTH_MAX`].
    Depth,
    /// A container of more members than [`crate::limits::CBOR_CONTAINER_MAX`].
    Length,
    /// A text that is not UTF-8.
    Utf8,
    /// A link that is not a CID.
    Cid,
    /// Bytes follow the value.
    Trailing,
}

impl Fault {
    #[cold]
    pub(crate) fn new(offset: usize, kind: FaultKind) -> Self {
        Self { offset, kind }
    }

    /// Whether it is only the form: a value can be read, but canonical bytes for it look different.
    pub fn is_canonical_form(&self) -> bool {
        matches!(self.kind, FaultKind::NonCanonical(_))
    }

    /// The same as a finding: of code `NonCanonical` if it is about the form, else of `code`.
    ///
    /// The offset goes into the message, since it counts from the start of the block and
    /// [`Problem::offset`] from the start of the input.
    #[must_use]
    pub fn problem(self, code: Code) -> Problem {
        let code = if self.is_canonical_form() { Code::NonCanonical } else { code };
        Problem::new(code, self.to_string())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            FaultKind::Truncated => f.write_str("the bytes end inside a value"),
            FaultKind::NonCanonical(rule) => write!(f, "not canonical: {rule}"),
            FaultKind::Type(expected) => write!(f, "{expected} expected"),
            FaultKind::Forbidden(what) => write!(f, "{what}, which the data model forbids"),
            FaultKind::Key(expected) => write!(f, "map key {expected:?} expected"),
            FaultKind::Depth => f.write_str("nested too deeply"),
            FaultKind::Length => f.write_str("a container of too many members"),
            FaultKind::Utf8 => f.write_str("text that is not UTF-8"),
            FaultKind::Cid => f.write_str("a link that is not a CID"),
            FaultKind::Trailing => f.write_str("bytes follow the value"),
        }?;
        write!(f, " (byte {} of the block)", self.offset)
    }
}

impl std::error::Error for Fault {}
