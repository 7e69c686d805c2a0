use super::check::{self, Floats};
use super::{Encoder, Fault, FaultKind};
use crate::block::Cid;
use crate::limits::{CBOR_CONTAINER_MAX, CBOR_DEPTH_MAX};
use crate::problem::{Code, Problem};
use ipld_core::ipld::Ipld;
use std::collections::BTreeMap;

/// Reads one complete value of the data model; links keep their exact CIDs.
///
/// ```
/// use carrack::block::drisl;
/// let value = drisl::decode(b"\xa1\x61n\x18\x2a")?;
/// assert_eq!(value, ipld_core::ipld!({ "n": 42 }));
/// # Ok::<(), drisl::Fault>(())
/// ```
///
/// # Errors
/// The first fault, by the rules of [`check::value`] with floats refused.
pub fn decode(bytes: &[u8]) -> Result<Ipld, Fault> {
    check::value(bytes, Floats::Refuse)?;
    // What `check` takes is a subset of what the library takes.
    serde_ipld_dagcbor::from_slice(bytes)
        .map_err(|_| Fault::new(0, FaultKind::Forbidden("a value beyond DAG-CBOR")))
}

/// Writes a value of the data model.
///
/// ```
/// use carrack::block::drisl;
/// assert_eq!(drisl::encode(&ipld_core::ipld!({ "n": 42 }))?, b"\xa1\x61n\x18\x2a");
/// assert!(drisl::encode(&ipld_core::ipld!(0.5)).is_err());
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// `BadRecord` for a float or an integer beyond 64 bits; `TooLarge` for more than 32 containers
/// inside each other, or a container of more than 131,072 members.
pub fn encode(value: &Ipld) -> Result<Vec<u8>, Problem> {
    let mut encoder = Encoder::new();
    write(&mut encoder, value, CBOR_DEPTH_MAX)?;
    Ok(encoder.finish())
}

/// Writes a value, which may hold containers in `depth` layers. Recurses no deeper than that.
fn write(encoder: &mut Encoder, value: &Ipld, depth: usize) -> Result<(), Problem> {
    match value {
        Ipld::Null => encoder.null(),
        Ipld::Bool(truth) => encoder.bool(*truth),
        Ipld::Integer(integer) => write_integer(encoder, *integer)?,
        Ipld::Float(_) => return Err(bad("floats have no place in the data model")),
        Ipld::String(text) => encoder.text(text),
        Ipld::Bytes(bytes) => encoder.bytes(bytes),
        Ipld::Link(cid) => encoder.link(&Cid::from_bytes(&cid.to_bytes())?),
        Ipld::List(values) => {
            let depth = within(values.len(), depth)?;
            encoder.array(values.len());
            for value in values {
                write(encoder, value, depth)?;
            }
        }
        Ipld::Map(map) => write_map(encoder, map, depth)?,
    }
    Ok(())
}

fn write_map(
    encoder: &mut Encoder,
    map: &BTreeMap<String, Ipld>,
    depth: usize,
) -> Result<(), Problem> {
    let depth = within(map.len(), depth)?;
    let mut pairs: Vec<_> = map.iter().collect();
    // A stable sort: keys of one length are in bytewise order already.
    pairs.sort_by_key(|(key, _)| key.len());
    encoder.map(pairs.len());
    for (key, value) in pairs {
        encoder.text(key);
        write(encoder, value, depth)?;
    }
    Ok(())
}

fn write_integer(encoder: &mut Encoder, integer: i128) -> Result<(), Problem> {
    match (u64::try_from(integer), u64::try_from(-1 - integer.min(0))) {
        (Ok(integer), _) => encoder.uint(integer),
        (_, Ok(argument)) => encoder.negative(argument),
        _ => return Err(bad("an integer beyond 64 bits")),
    }
    Ok(())
}

/// Checks that a container with this number of members is allowed here; returns the depth left
/// inside.
pub(in crate::block) fn within(members: usize, depth: usize) -> Result<usize, Problem> {
    if members > CBOR_CONTAINER_MAX {
        return Err(too_large("members of a container", members, CBOR_CONTAINER_MAX));
    }
    let too_deep = || too_large("containers inside each other", CBOR_DEPTH_MAX + 1, CBOR_DEPTH_MAX);
    depth.checked_sub(1).ok_or_else(too_deep)
}

fn too_large(what: &str, got: usize, limit: usize) -> Problem {
    Problem::new(Code::TooLarge, format!("{what}: {got} is over the limit of {limit}"))
}

fn bad(message: &str) -> Problem {
    Problem::new(Code::BadRecord, message)
}
