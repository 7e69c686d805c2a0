use super::varint;
use crate::block::Cid;
use crate::block::drisl::{Decoder, Encoder, Fault, FaultKind};
use crate::limits::{CAR_HEADER_BYTES_MAX, CAR_ROOTS_MAX};
use crate::problem::{Code, Problem};

/// The header that names these roots, with its length in front: how a CAR begins.
///
/// ```
/// assert_eq!(carrack::car::header(&[]), b"\x11\xa2\x65roots\x80\x67version\x01");
/// ```
pub fn header(roots: &[Cid]) -> Vec<u8> {
    let mut encoder = Encoder::with_capacity(24 + 41 * roots.len());
    encoder.map(2);
    encoder.text("roots");
    encoder.array(roots.len());
    for root in roots {
        encoder.link(root);
    }
    encoder.text("version");
    encoder.uint(1);
    let content = encoder.finish();
    let mut out = Vec::with_capacity(varint::BYTES_MAX + content.len());
    varint::write(content.len() as u64, &mut out);
    out.extend_from_slice(&content);
    out
}

/// Reads the length of the header: how many bytes that took, and how many follow. `None` if
/// `bytes` end before it does.
pub(super) fn header_head(bytes: &[u8]) -> Result<Option<(usize, usize)>, Problem> {
    match varint::read(bytes) {
        Ok((stated, prefix)) => match usize::try_from(stated) {
            Ok(length @ 1..=CAR_HEADER_BYTES_MAX) => Ok(Some((prefix, length))),
            _ => Err(not_a_car(format!("a header of {stated} bytes"))),
        },
        Err(varint::Malformed::Truncated) => Ok(None),
        Err(error) => Err(not_a_car(format!("the length of the header: {error}"))),
    }
}

/// Reads the roots from a header.
pub(super) fn parse_header(content: &[u8]) -> Result<Vec<Cid>, Problem> {
    let parsed = read_fields(content).map_err(|fault| match is_version_2(content) {
        Ok(true) => not_a_car("this is a CARv2; version 1 is needed".to_owned()),
        _ => not_a_car(format!("the header: {fault}")),
    })?;
    if parsed.roots.len() > CAR_ROOTS_MAX {
        let message = format!("{} roots; {CAR_ROOTS_MAX} are allowed", parsed.roots.len());
        return Err(Problem::new(Code::TooLarge, message).offset(0));
    }
    if parsed.version != 1 {
        return Err(not_a_car(format!("CAR version {}; version 1 is needed", parsed.version)));
    }
    Ok(parsed.roots)
}

struct HeaderFields {
    roots: Vec<Cid>,
    version: u64,
}

fn read_fields(content: &[u8]) -> Result<HeaderFields, Fault> {
    let mut decoder = Decoder::new(content);
    if decoder.map()? != 2 {
        return Err(Fault::new(0, FaultKind::Type("a map of roots and version")));
    }
    decoder.key("roots")?;
    let roots = (0..decoder.array()?).map(|_| decoder.link()).collect::<Result<_, _>>()?;
    decoder.key("version")?;
    let version = decoder.uint()?;
    decoder.end()?;
    Ok(HeaderFields { roots, version })
}

/// The pragma of version 2 is a header without roots.
fn is_version_2(content: &[u8]) -> Result<bool, Fault> {
    let mut decoder = Decoder::new(content);
    decoder.map()?;
    decoder.key("version")?;
    Ok(decoder.uint()? == 2)
}

pub(super) fn not_a_car(message: String) -> Problem {
    Problem::new(Code::NotACar, message).offset(0)
}
