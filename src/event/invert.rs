use super::RepoOp;
use crate::block::Cid;
use crate::error::{Code, Problem, Result};
use crate::tree::{Key, NodeSource, Tree};

/// Undoes ops on the tree with the root `data`, the last path first, and gives the root of the
/// tree before them. Only the nodes that this takes are asked of `source`.
///
/// ```
/// use carrack::block::{Cid, Codec};
/// use carrack::event::{RepoOp, invert};
/// use carrack::tree::{Gap, NodeSource, Tree};
/// # use carrack::{block::Block, Code, Problem, Result};
/// # struct One(Block);
/// # impl NodeSource for One {
/// #     fn load(&mut self, gap: &Gap) -> Result<Block> {
/// #         if gap.cid == *self.0.cid() { return Ok(self.0.clone()) }
/// #         Err(Problem::new(Code::MissingNode, "not here").into())
/// #     }
/// # }
/// # let mut source = One(Block::dag_cbor(carrack::tree::Node::default().encode()));
/// let mut tree = Tree::empty();
/// let cid = Cid::of(Codec::DagCbor, b"record");
/// tree.insert(&"com.example.post/1".into(), cid.clone(), &mut source)?;
/// let data = tree.seal();
/// # let carrack::tree::Child::Held(root) = tree.root() else { panic!() };
/// # let mut source = One(root.block.clone().unwrap());
/// let op = RepoOp::Create { path: "com.example.post/1".parse()?, cid };
/// assert_eq!(invert(&data, &[op], &mut source)?, Tree::empty().seal());
/// # Ok::<(), carrack::Error>(())
/// ```
///
/// # Errors
/// The source's, if it lacks a node: the outcome is never guessed. `OpMismatch` if the tree does
/// not hold what an op says it left there.
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

/// What to say of an op whose path holds something else after it.
pub(super) fn contradiction(op: &RepoOp, found: Option<&Cid>) -> Problem {
    let found = match found {
        Some(cid) => format!("it holds {cid}"),
        None => "it holds no such path".to_owned(),
    };
    let message = format!("the {} is not what the tree shows: {found}", op.action());
    Problem::new(Code::OpMismatch, message).path(op.path().as_bytes())
}
