//! The bytes of an account row: of form 2, which is written, and of form 1, which stores of format
//! 1 have until the account is written. `manual::format` draws both.
//!
//! Holds guarantee G28.

use crate::block::drisl::{Decoder, Encoder, Fault};
use crate::error::{Error, Result};
use crate::ident::Rev;
use crate::store::account::{Account, EngineName, Head, HeadKey, HeldKey, Origin, State, TrustKey};

/// Fields of a row of form 1, which does not say its form.
const FIELDS_1: usize = 9;
/// Fields of a row of form 2, of which the first is the form.
const FIELDS_2: usize = 8;
const FORM_2: u64 = 2;
/// The first byte of a row of form 1: an array of nine fields.
const START_1: u8 = 0x80 | 9;
const HEAD_FIELDS: usize = 8;
const PAIR: usize = 2;
/// Bytes of the checksum behind a row of form 2.
const SUM_BYTES: usize = 8;

/// Why a row is not one.
enum Wrong {
    Bytes(Fault),
    Field(&'static str),
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Self::Bytes(fault)
    }
}

impl Account {
    /// The row of this account, in form 2.
    pub(crate) fn encode(&self, did: &[u8]) -> Vec<u8> {
        let mut to = Encoder::new();
        to.array(FIELDS_2);
        to.uint(FORM_2);
        to.text(self.state.name());
        encode_destination(&mut to, &self.state);
        encode_key(&mut to, &self.key);
        to.uint(self.last_rev.as_u64());
        to.bool(self.may_be_ahead);
        encode_origin(&mut to, self.origin.as_ref());
        encode_head(&mut to, self.head.as_ref());
        let mut row = to.finish();
        let sum = checksum(did, &row);
        row.extend_from_slice(&sum);
        row
    }

    /// Reads the row of this account, of either form.
    pub(crate) fn decode(did: &[u8], row: &[u8]) -> Result<Self> {
        decode(did, row).map_err(|wrong| {
            let why = match wrong {
                Wrong::Bytes(fault) => fault.to_string(),
                Wrong::Field(what) => what.to_owned(),
            };
            let did = String::from_utf8_lossy(did);
            Error::Corrupt(format!("the account row of {did} cannot be read: {why}"))
        })
    }
}

/// Of the key and the value: a row at another's place is none.
fn checksum(did: &[u8], payload: &[u8]) -> [u8; SUM_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(did).update(&[0]).update(payload);
    let mut sum = [0; SUM_BYTES];
    hasher.finalize_xof().fill(&mut sum);
    sum
}

fn encode_destination(to: &mut Encoder, state: &State) {
    let Some((name, engine)) = state.destination() else { return to.null() };
    to.array(PAIR);
    to.text(name);
    to.bytes(engine.as_bytes());
}

fn encode_key(to: &mut Encoder, key: &HeadKey) {
    let (held, trust) = match key {
        HeadKey::Unknown => return to.null(),
        HeadKey::Unverified(held) => (held, "unverified"),
        HeadKey::Verified(held, None) => (held, "verified"),
        HeadKey::Verified(held, Some(age)) => (held, age.name()),
    };
    to.array(PAIR);
    to.bytes(&held.to_bytes());
    to.text(trust);
}

fn encode_origin(to: &mut Encoder, origin: Option<&Origin>) {
    let Some(origin) = origin else { return to.null() };
    to.array(PAIR);
    to.bytes(origin.engine.as_bytes());
    to.link(&origin.commit);
}

fn encode_head(to: &mut Encoder, head: Option<&Head>) {
    let Some(head) = head else { return to.null() };
    to.array(HEAD_FIELDS);
    to.uint(head.tree);
    to.link(&head.commit);
    to.link(&head.data);
    to.uint(head.rev.as_u64());
    to.uint(head.height.into());
    to.uint(head.records);
    to.uint(head.blocks);
    to.uint(head.bytes);
}

fn decode(did: &[u8], row: &[u8]) -> Result<Account, Wrong> {
    if row.first() == Some(&START_1) {
        let mut from = Decoder::new(row);
        let account = decode_1(&mut from)?;
        from.end()?;
        return Ok(account);
    }
    let (payload, sum) =
        row.split_last_chunk::<SUM_BYTES>().ok_or(Wrong::Field("it is too short"))?;
    if *sum != checksum(did, payload) {
        return Err(Wrong::Field("its checksum does not match"));
    }
    let mut from = Decoder::new(payload);
    let account = decode_2(&mut from)?;
    from.end()?;
    Ok(account)
}

fn decode_2(from: &mut Decoder<'_>) -> Result<Account, Wrong> {
    if from.array()? != FIELDS_2 || from.uint()? != FORM_2 {
        return Err(Wrong::Field("its form is unknown"));
    }
    let state = from.text()?;
    let destination = decode_destination(from)?;
    let account = Account {
        state: state_of(state, destination)?,
        key: decode_key(from)?,
        last_rev: revision(from.uint()?)?,
        may_be_ahead: from.bool()?,
        origin: decode_origin(from)?,
        head: decode_head(from)?,
    };
    if account.head.as_ref().is_some_and(|head| head.rev != account.last_rev) {
        return Err(Wrong::Field("its last revision is not the head's"));
    }
    Ok(account)
}

fn decode_destination(from: &mut Decoder<'_>) -> Result<Option<(String, EngineName)>, Wrong> {
    if is_null(from)? {
        return Ok(None);
    }
    pair(from)?;
    Ok(Some((from.text()?.to_owned(), engine_name(from.bytes()?)?)))
}

fn decode_key(from: &mut Decoder<'_>) -> Result<HeadKey, Wrong> {
    if is_null(from)? {
        return Ok(HeadKey::Unknown);
    }
    pair(from)?;
    let held = HeldKey::from_bytes(from.bytes()?).ok_or(Wrong::Field("its key is none"))?;
    Ok(match from.text()? {
        "unverified" => HeadKey::Unverified(held),
        "verified" => HeadKey::Verified(held, None),
        "current" => HeadKey::Verified(held, Some(TrustKey::Current)),
        "historic" => HeadKey::Verified(held, Some(TrustKey::Historic)),
        _ => return Err(Wrong::Field("its trust is unknown")),
    })
}

fn decode_origin(from: &mut Decoder<'_>) -> Result<Option<Origin>, Wrong> {
    if is_null(from)? {
        return Ok(None);
    }
    pair(from)?;
    Ok(Some(Origin { engine: engine_name(from.bytes()?)?, commit: from.link()? }))
}

fn decode_head(from: &mut Decoder<'_>) -> Result<Option<Head>, Wrong> {
    if is_null(from)? {
        return Ok(None);
    }
    if from.array()? != HEAD_FIELDS {
        return Err(Wrong::Field("its head is none"));
    }
    let tree = from.uint()?;
    let (commit, data) = (from.link()?, from.link()?);
    let rev = revision(from.uint()?)?;
    let height =
        u8::try_from(from.uint()?).map_err(|_| Wrong::Field("its head has no such height"))?;
    let (records, blocks, bytes) = (from.uint()?, from.uint()?, from.uint()?);
    Ok(Some(Head { tree, commit, data, rev, height, records, blocks, bytes }))
}

/// Form 1: texts, in which an empty one is for none.
fn decode_1(from: &mut Decoder<'_>) -> Result<Account, Wrong> {
    if from.array()? != FIELDS_1 {
        return Err(Wrong::Field("its form is unknown"));
    }
    let (state, to) = (from.text()?, from.text()?.to_owned());
    let (trust, key) = (from.text()?, from.text()?);
    let lower_bound = revision(from.uint()?)?;
    let (engine, commit) = (from.text()?, from.nullable_link()?);
    let bound_to = from.text()?;
    let head = decode_head(from)?;
    let destination = match state {
        "leaving" | "moved" => Some((to, engine_text(bound_to)?)),
        // What is left of a move that was over.
        _ => None,
    };
    let origin = match (engine, commit) {
        ("", None) => None,
        (engine, Some(commit)) => Some(Origin { engine: engine_text(engine)?, commit }),
        (_, None) => return Err(Wrong::Field("its origin is none")),
    };
    Ok(Account {
        state: state_of(state, destination)?,
        key: key_1(trust, key, head.is_some())?,
        // A confirmed restore may have raised it; for a deleted account this is not known.
        last_rev: head.as_ref().map_or(lower_bound, |head| head.rev),
        may_be_ahead: false,
        origin,
        head,
    })
}

fn key_1(trust: &str, key: &str, has_head: bool) -> Result<HeadKey, Wrong> {
    let held = match key {
        "" => None,
        text => Some(HeldKey::from_did_key(text).ok_or(Wrong::Field("its key is none"))?),
    };
    match (trust, held) {
        ("verified", Some(held)) => Ok(HeadKey::Verified(held, None)),
        ("unverified", Some(held)) => Ok(HeadKey::Unverified(held)),
        ("unverified", None) => Ok(HeadKey::Unknown),
        // Of an account that is gone, the key went first.
        ("verified", None) if !has_head => Ok(HeadKey::Unknown),
        ("verified", None) => Err(Wrong::Field("it is verified, and has no key")),
        _ => Err(Wrong::Field("its trust is unknown")),
    }
}

fn state_of(name: &str, destination: Option<(String, EngineName)>) -> Result<State, Wrong> {
    Ok(match (name, destination) {
        ("active", None) => State::Active,
        ("deactivated", None) => State::Deactivated,
        ("suspended", None) => State::Suspended,
        ("takendown", None) => State::TakenDown,
        ("deleted", None) => State::Deleted,
        ("leaving", Some((to, engine))) => State::Leaving { to, engine },
        ("moved", Some((to, engine))) => State::Moved { to, engine },
        _ => return Err(Wrong::Field("its state is unknown")),
    })
}

fn is_null(from: &mut Decoder<'_>) -> Result<bool, Wrong> {
    let is_null = from.is_null();
    if is_null {
        from.null()?;
    }
    Ok(is_null)
}

fn pair(from: &mut Decoder<'_>) -> Result<(), Wrong> {
    match from.array()? {
        PAIR => Ok(()),
        _ => Err(Wrong::Field("a pair in it is none")),
    }
}

fn revision(number: u64) -> Result<Rev, Wrong> {
    Rev::from_u64(number).map_err(|_| Wrong::Field("its revision is none"))
}

fn engine_name(bytes: &[u8]) -> Result<EngineName, Wrong> {
    EngineName::from_bytes(bytes).ok_or(Wrong::Field("the name of an engine is none"))
}

fn engine_text(text: &str) -> Result<EngineName, Wrong> {
    text.parse().map_err(|_| Wrong::Field("the name of an engine is none"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Cid;
    use crate::key::{Curve, SigningKey, VerifyingKey};

    const DID: &[u8] = b"did:plc:abc";

    fn key(curve: Curve) -> VerifyingKey {
        SigningKey::from_bytes(curve, &[7; 32]).unwrap().verifying_key()
    }

    fn name(byte: u8) -> EngineName {
        EngineName::from_bytes(&[byte; 16]).unwrap()
    }

    fn cid() -> Cid {
        Cid::of(crate::block::Codec::DagCbor, b"a")
    }

    fn head() -> Head {
        let rev = Rev::from_u64(77).unwrap();
        let (commit, data) = (cid(), cid());
        Head { tree: 3, commit, data, rev, height: 2, records: 9, blocks: 12, bytes: 4000 }
    }

    fn accounts() -> Vec<Account> {
        let held = |curve| HeldKey::from(&key(curve));
        let active = Account {
            state: State::Active,
            key: HeadKey::Verified(held(Curve::K256), None),
            last_rev: head().rev,
            may_be_ahead: false,
            origin: None,
            head: Some(head()),
        };
        let (to, engine) = ("there".to_owned(), name(1));
        vec![
            Account {
                state: State::Leaving { to: to.clone(), engine },
                key: HeadKey::Verified(held(Curve::P256), Some(TrustKey::Current)),
                ..active.clone()
            },
            Account {
                state: State::Moved { to, engine },
                key: HeadKey::Verified(held(Curve::P256), Some(TrustKey::Historic)),
                origin: Some(Origin { engine: name(2), commit: cid() }),
                ..active.clone()
            },
            Account { key: HeadKey::Unverified(held(Curve::K256)), ..active.clone() },
            Account { key: HeadKey::Unknown, may_be_ahead: true, ..active.clone() },
            Account { state: State::Deleted, key: HeadKey::Unknown, head: None, ..active.clone() },
            active,
        ]
    }

    /// In the bytes of the account as in those of the checksum.
    #[test]
    fn a_flipped_bit_is_never_believed() {
        for account in accounts() {
            let row = account.encode(DID);
            assert_eq!(Account::decode(DID, &row).unwrap(), account);
            for bit in 0..row.len() * 8 {
                let mut flipped = row.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let read = Account::decode(DID, &flipped);
                assert!(matches!(read, Err(Error::Corrupt(_))), "bit {bit}: {read:?}");
            }
            for length in 0..row.len() {
                assert!(Account::decode(DID, &row[..length]).is_err(), "{length} bytes");
            }
            let other = Account::decode(b"did:plc:abd", &row);
            assert!(matches!(other, Err(Error::Corrupt(_))), "a row of another account: {other:?}");
        }
    }

    struct Form1<'a> {
        state: &'a str,
        to: &'a str,
        trust: &'a str,
        key: &'a str,
        engine: &'a str,
        commit: Option<Cid>,
        bound_to: &'a str,
        head: Option<Head>,
    }

    impl Form1<'_> {
        fn decode(&self) -> Result<Account> {
            let mut to = Encoder::new();
            to.array(FIELDS_1);
            for text in [self.state, self.to, self.trust, self.key] {
                to.text(text);
            }
            to.uint(99);
            to.text(self.engine);
            to.nullable_link(self.commit.as_ref());
            to.text(self.bound_to);
            encode_head(&mut to, self.head.as_ref());
            Account::decode(DID, &to.finish())
        }
    }

    #[test]
    fn rows_of_form_1_are_read_and_nothing_in_them_is_guessed() {
        let did_key = key(Curve::K256).to_did_key();
        let [here, there] = [1, 2].map(|byte| name(byte).to_string());
        let row = || Form1 {
            state: "active",
            to: "",
            trust: "verified",
            key: &did_key,
            engine: "",
            commit: None,
            bound_to: "",
            head: Some(head()),
        };
        let account = row().decode().unwrap();
        assert_eq!(account.key, HeadKey::Verified(HeldKey::from(&key(Curve::K256)), None));
        assert_eq!((account.last_rev, account.origin), (head().rev, None), "a restore raised it");

        let moved = Form1 { state: "moved", to: "there", bound_to: &there, ..row() };
        let moved = Form1 { engine: &here, commit: Some(cid()), ..moved }.decode().unwrap();
        assert_eq!(moved.state, State::Moved { to: "there".to_owned(), engine: name(2) });
        assert_eq!(moved.origin, Some(Origin { engine: name(1), commit: cid() }));

        let gone = Form1 { state: "deleted", key: "", head: None, bound_to: &there, ..row() };
        let gone = gone.decode().unwrap();
        assert_eq!((gone.key, gone.last_rev.as_u64()), (HeadKey::Unknown, 99));
        let unknown = Form1 { trust: "unverified", key: "", ..row() }.decode().unwrap();
        assert_eq!(unknown.key, HeadKey::Unknown);

        let cut = &did_key[..did_key.len() - 1];
        for wrong in [
            Form1 { key: cut, ..row() },
            Form1 { key: "did:key:", ..row() },
            Form1 { key: "x", trust: "unverified", ..row() },
            Form1 { key: "", ..row() },
            Form1 { trust: "", ..row() },
            Form1 { state: "", ..row() },
            Form1 { state: "moved", to: "there", ..row() },
            Form1 { state: "leaving", to: "there", bound_to: "there", ..row() },
            Form1 { engine: &here, ..row() },
            Form1 { commit: Some(cid()), ..row() },
            Form1 { engine: "somewhere", commit: Some(cid()), ..row() },
        ] {
            assert!(matches!(wrong.decode(), Err(Error::Corrupt(_))));
        }
    }
}
