use super::Timestamp;
use crate::block::Cid;
use crate::block::drisl::{Decoder, Encoder, Fault, check};
use crate::ident::{Did, Rev, SyntaxError};
use crate::limits::EVENT_OPS_MAX;
use crate::problem::{Code, Problem};
use std::str::FromStr;

/// The fields of a map, by name. Unknown fields are ignored.
#[derive(Clone, Copy)]
pub(super) struct EventFields<'a>(&'a [u8]);

impl<'a> EventFields<'a> {
    /// Accepts bytes that are exactly one map in canonical form.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        check::record(bytes)?;
        Ok(Self(bytes))
    }

    /// The encoded value of a field. The map is read again for each call: it has a dozen fields,
    /// and a sender's further fields cost that sender bytes.
    fn raw(&self, name: &str) -> Option<&'a [u8]> {
        let mut from = Decoder::new(self.0);
        for _ in 0..from.map().ok()? {
            let key = from.text().ok()?;
            let start = from.position();
            from.skip().ok()?;
            if key == name {
                return self.0.get(start..from.position());
            }
        }
        None
    }

    /// The value of a field, unless it is absent or null.
    fn value(&self, name: &str) -> Option<Decoder<'a>> {
        self.raw(name).map(Decoder::new).filter(|value| !value.is_null())
    }

    fn required(&self, name: &str) -> Result<Decoder<'a>, Problem> {
        self.value(name).ok_or_else(|| bad(format!("the field {name:?} is missing")))
    }

    /// Returns a problem if the field is absent; null is enough.
    pub(super) fn must_have(&self, name: &str) -> Result<(), Problem> {
        if self.raw(name).is_some() {
            return Ok(());
        }
        Err(bad(format!("the field {name:?} is missing")))
    }

    pub(super) fn uint(&self, name: &str) -> Result<u64, Problem> {
        self.required(name)?.uint().map_err(|fault| misread(name, &fault))
    }

    pub(super) fn int(&self, name: &str) -> Result<i128, Problem> {
        self.required(name)?.int().map_err(|fault| misread(name, &fault))
    }

    pub(super) fn bool(&self, name: &str) -> Result<bool, Problem> {
        self.required(name)?.bool().map_err(|fault| misread(name, &fault))
    }

    pub(super) fn bytes(&self, name: &str) -> Result<&'a [u8], Problem> {
        self.required(name)?.bytes().map_err(|fault| misread(name, &fault))
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str, Problem> {
        self.required(name)?.text().map_err(|fault| misread(name, &fault))
    }

    pub(super) fn optional_text(&self, name: &str) -> Result<Option<&'a str>, Problem> {
        let text = self.value(name).map(|mut value| value.text()).transpose();
        text.map_err(|fault| misread(name, &fault))
    }

    pub(super) fn link(&self, name: &str) -> Result<Cid, Problem> {
        self.required(name)?.link().map_err(|fault| misread(name, &fault))
    }

    pub(super) fn optional_link(&self, name: &str) -> Result<Option<Cid>, Problem> {
        let link = self.value(name).map(|mut value| value.link()).transpose();
        link.map_err(|fault| misread(name, &fault))
    }

    /// The maps of a list.
    pub(super) fn maps(&self, name: &str) -> Result<Vec<EventFields<'a>>, Problem> {
        let mut list = self.required(name)?;
        let all = self.raw(name).unwrap_or_default();
        let mut read = || {
            let count = list.array()?;
            let mut maps = Vec::with_capacity(count.min(EVENT_OPS_MAX));
            for _ in 0..count {
                let start = list.position();
                list.clone().map()?;
                list.skip()?;
                maps.push(Self(all.get(start..list.position()).unwrap_or_default()));
            }
            Ok(maps)
        };
        read().map_err(|fault| misread(name, &fault))
    }

    /// Checks a list of links. Null is accepted: some hosts write it for an empty list.
    pub(super) fn check_links(&self, name: &str) -> Result<(), Problem> {
        self.must_have(name)?;
        let Some(mut list) = self.value(name) else { return Ok(()) };
        let mut read = || (0..list.array()?).try_for_each(|_| list.link().map(drop));
        read().map_err(|fault| misread(name, &fault))
    }

    pub(super) fn did(&self, name: &str) -> Result<Did, Problem> {
        parse(name, self.text(name)?, Code::BadFrame)
    }

    pub(super) fn rev(&self, name: &str) -> Result<Rev, Problem> {
        parse(name, self.text(name)?, Code::BadRev)
    }

    pub(super) fn optional_rev(&self, name: &str) -> Result<Option<Rev>, Problem> {
        self.optional_text(name)?.map(|text| parse(name, text, Code::BadRev)).transpose()
    }

    pub(super) fn time(&self) -> Result<Timestamp, Problem> {
        parse("time", self.text("time")?, Code::BadFrame)
    }
}

fn parse<T: FromStr<Err = SyntaxError>>(name: &str, text: &str, code: Code) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::new(code, format!("the field {name:?}: {error}")))
}

fn misread(name: &str, fault: &Fault) -> Problem {
    bad(format!("the field {name:?}: {fault}"))
}

pub(super) fn bad(message: impl Into<String>) -> Problem {
    Problem::new(Code::BadFrame, message)
}

/// Writes the first fields of `#identity` and `#account`; returns the position of the sequence
/// number.
pub(super) fn encode_start(to: &mut Encoder, did: &Did, seq: u64, time: &Timestamp) -> usize {
    to.text("did");
    to.text(did.as_str());
    to.text("seq");
    let at = to.len();
    to.uint(seq);
    to.text("time");
    to.text(time.as_str());
    at
}
