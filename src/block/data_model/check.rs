use super::path::path_of;
use super::rules::{AllFaults, FirstFault, Model};
use crate::block::drisl::check::map;
use crate::block::drisl::{Fault, FaultKind};
use crate::problem::{Code, Problem};
use std::collections::HashSet;

/// Checks a record that is read: of an archive, a diff, a store.
///
/// The message of a problem begins with the value's path in the record, such as
/// `record.embed.images[0].alt`. It takes linear time, and no memory unless there is a problem.
///
/// ```
/// use carrack::block::data_model;
/// assert!(data_model::check(b"\xa1\x61n\x18\x2a").is_ok());
/// let half = b"\xa1\x61n\xfb\x3f\xe0\0\0\0\0\0\0";
/// assert!(data_model::check(half).unwrap_err().message.starts_with("record.n: a float"));
/// ```
///
/// # Errors
/// `NonCanonical` if the bytes are not in canonical form; `TooLarge` for more than 32 containers
/// inside each other, or a container of more than 131,072 members; otherwise `BadRecord`.
pub fn check(record: &[u8]) -> Result<(), Problem> {
    map(record, &mut Model::of_any(FirstFault)).map_err(|fault| problem_of(record, fault))
}

/// Checks a record that is to be written: the same, and no blob has the legacy form.
///
/// ```
/// use carrack::block::{Cid, Codec, data_model, json};
/// let cid = Cid::of(Codec::Raw, b"a picture").to_string();
/// let legacy = serde_json::json!({ "avatar": { "cid": cid, "mimeType": "image/png" } });
/// let record = json::from_json(&legacy)?;
/// assert!(data_model::check(&record).is_ok());
/// assert!(data_model::check_new(&record).is_err());
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// As [`check`].
pub fn check_new(record: &[u8]) -> Result<(), Problem> {
    map(record, &mut Model::of_new(FirstFault)).map_err(|fault| problem_of(record, fault))
}

/// The warning about a record that is not proper.
pub(crate) fn warning(record: &[u8]) -> Option<Problem> {
    let problem = check(record).err()?;
    let message = format!("a record is not of the data model: {}", problem.message);
    Some(Problem::new(Code::BadRecord, message))
}

/// Where the values of a record begin that DRISL can hold and the data model cannot, floats of any
/// value included. It is empty for a proper record.
///
/// # Errors
/// The first fault of the form.
pub(in crate::block) fn improper_values(record: &[u8]) -> Result<HashSet<usize>, Fault> {
    let mut model = Model::of_any(AllFaults::default());
    map(record, &mut model)?;
    Ok(model.into_faults().into_offsets())
}

/// The fault as a problem, with the path of the value in the record.
fn problem_of(record: &[u8], fault: Fault) -> Problem {
    let path = path_of(record, fault.offset);
    let too_large = matches!(fault.kind, FaultKind::Depth | FaultKind::Length);
    let mut problem = fault.problem(if too_large { Code::TooLarge } else { Code::BadRecord });
    problem.message.insert_str(0, ": ");
    problem.message.insert_str(0, &path);
    problem
}
