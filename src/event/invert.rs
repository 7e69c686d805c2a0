use super::RepoOp;
use crate::block::Cid;
use crate::error::Result;
use crate::problem::{Code, Problem};
use crate::tree::{Key, NodeSource, Tree};

/// Inverts operations on the tree with the root `data`, the last path first, and returns the root
/// of the tree before them. Only the nodes that this needs are requested from `source`.
/// Specification: <https://atproto.com/specs/sync>.
///
/// ```
/// use carrack::block::{Cid, Codec};
/// use carrack::event::RepoOp;
/// use carrack::parts::tree::invert;
/// use carrack::parts::tree::{Tree, diff};
/// use std::collections::HashMap;
///
/// let cid = Cid::of(Codec::DagCbor, b"record");
/// let (mut old, mut new) = (Tree::empty(), Tree::empty());
/// new.insert(&"com.example.post/1".into(), cid.clone(), &mut HashMap::new())?;
/// let made = diff(&mut old, &mut HashMap::new(), &mut new, &mut HashMap::new())?;
/// let mut nodes: HashMap<_, _> = made.created.into_iter().collect();
///
/// let op = RepoOp::Create { path: "com.example.post/1".parse()?, cid };
/// assert_eq!(invert(&new.seal(), &[op.clone()], &mut nodes)?, old.seal());
/// assert!(invert(&new.seal(), &[op], &mut HashMap::new()).is_err());
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// The source's error if it lacks a node; `OpMismatch` if the tree does not hold what an operation
/// left there.
pub fn invert(data: &Cid, ops: &[RepoOp], source: &mut dyn NodeSource) -> Result<Cid> {
    let mut ordered: Vec<&RepoOp> = ops.iter().collect();
    ordered.sort_by(|a, b| b.path().cmp(a.path()));
    let mut tree = Tree::at(data.clone(), None);
    for op in ordered {
        let key = Key::from(op.path().as_bytes());
        let found = match op.prev() {
            Some(prev) => tree.insert(&key, prev.clone(), source)?.0,
            None => tree.remove(&key, source)?,
        };
        if found.as_ref() != op.cid() {
            return Err(contradiction(op, found.as_ref()).into());
        }
    }
    Ok(tree.seal())
}

/// The problem of an operation whose path holds another record after it.
pub(super) fn contradiction(op: &RepoOp, found: Option<&Cid>) -> Problem {
    let found = match found {
        Some(cid) => format!("it holds {cid}"),
        None => "it holds no such path".to_owned(),
    };
    let message = format!("the {} is not what the tree shows: {found}", op.action());
    Problem::new(Code::OpMismatch, message).path(op.path().as_bytes())
}
