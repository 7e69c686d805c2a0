use super::{Event, decode_frame};
use crate::block::drisl::{Decoder, Encoder, Fault};
use crate::error::{Error, Result};
use crate::ident::Did;

/// An event as the log stores it: its frame without the sequence number, which the writer assigns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unnumbered {
    pub(crate) did: String,
    /// The time of the event, in microseconds since 1970.
    pub(crate) micros: u64,
    /// The position of the sequence number in the frame.
    at: usize,
    frame: Vec<u8>,
}

const FIELDS: usize = 4;

impl Unnumbered {
    /// Encodes an event and ignores its number.
    pub(crate) fn new(mut event: Event, micros: u64) -> Self {
        event.set_seq(0);
        let (mut frame, at) = event.encode_with_place();
        // Zero is one byte.
        frame.remove(at);
        Self { did: event.did().to_string(), micros, at, frame }
    }

    /// The frame with this number.
    pub(crate) fn frame(&self, seq: u64) -> Vec<u8> {
        let mut number = Encoder::new();
        number.uint(seq);
        let (before, after) = self.frame.split_at(self.at.min(self.frame.len()));
        [before, &number.finish(), after].concat()
    }

    /// The event with this number.
    pub(crate) fn event(&self, seq: u64) -> Result<Event> {
        match decode_frame(&self.frame(seq)) {
            Ok(super::Frame::Event(event)) => Ok(event),
            Ok(super::Frame::Unknown(_)) => Err(broken(seq, &"it is of no known type")),
            Err(problem) => Err(broken(seq, &problem)),
        }
    }

    /// Whether the event is of this account.
    pub(crate) fn is_of(&self, did: &Did) -> bool {
        self.did == did.as_str()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut to = Encoder::with_capacity(self.frame.len() + self.did.len() + 32);
        to.array(FIELDS);
        to.text(&self.did);
        to.uint(self.micros);
        to.uint(self.at as u64);
        to.bytes(&self.frame);
        to.finish()
    }

    /// The account of a stored event, without decoding the rest; `None` if it cannot be read.
    pub(crate) fn did_of(bytes: &[u8]) -> Option<&[u8]> {
        let mut from = Decoder::new(bytes);
        from.array().ok()?;
        from.text().ok().map(str::as_bytes)
    }

    pub(crate) fn decode(seq: u64, bytes: &[u8]) -> Result<Self> {
        decode(bytes)
            .map_err(|fault| broken(seq, &fault))?
            .ok_or_else(|| broken(seq, &"its row has another form"))
    }
}

fn decode(bytes: &[u8]) -> Result<Option<Unnumbered>, Fault> {
    let mut from = Decoder::new(bytes);
    if from.array()? != FIELDS {
        return Ok(None);
    }
    let did = from.text()?.to_owned();
    let micros = from.uint()?;
    let at = usize::try_from(from.uint()?).ok();
    let frame = from.bytes()?.to_vec();
    from.end()?;
    Ok(at.filter(|at| *at <= frame.len()).map(|at| Unnumbered { did, micros, at, frame }))
}

fn broken(seq: u64, what: &dyn std::fmt::Display) -> Error {
    Error::Corrupt(format!("event {seq} cannot be read: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{IdentityEvent, Timestamp};

    #[test]
    fn a_number_put_in_later_gives_the_same_frame() {
        for seq in [0, 1, 23, 24, 255, 256, 65_536, u64::from(u32::MAX) + 1, u64::MAX] {
            let event = Event::Identity(IdentityEvent {
                seq,
                did: "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap(),
                time: Timestamp::from_micros(1),
                handle: Some("ahoy.example".into()),
            });
            let kept = Unnumbered::new(event.clone(), 1);
            let kept = Unnumbered::decode(seq, &kept.encode()).unwrap();
            assert_eq!(kept.frame(seq), event.encode());
            assert_eq!(kept.event(seq).unwrap(), event);
        }
    }
}
