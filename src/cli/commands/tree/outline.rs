use crate::cli::failure::Failure;
use carrack::parts::tree::{Walk, Want};
use carrack::tree::{Node, NodeWant, RecordWant, TreeReader};
use carrack::{Error, Problem, Problems};

/// A form in which a tree is drawn. Parts come in key order.
pub(in crate::cli) trait Outline {
    /// Whether the next part of the current node is drawn; if not, it is only counted.
    fn shows(&mut self, is_node: bool) -> bool;
    /// A node that is entered.
    fn enter(&mut self, want: &NodeWant, layer: u8, node: &Node) -> Result<(), Failure>;
    /// A node below the depth that is drawn.
    fn closed(&mut self, want: &NodeWant) -> Result<(), Failure>;
    /// A node that is missing or invalid.
    fn wrong(&mut self, want: &NodeWant, problem: &Problem) -> Result<(), Failure>;
    fn record(&mut self, want: &RecordWant) -> Result<(), Failure>;
    /// The last entered node has ended.
    fn leave(&mut self) -> Result<(), Failure>;
}

/// Draws a tree down to this depth; the root has depth 1. Returns the problems of the nodes that
/// were read.
pub(in crate::cli) fn draw(
    tree: &dyn TreeReader,
    depth: u64,
    outline: &mut dyn Outline,
) -> Result<Problems, Failure> {
    let mut problems = Problems::default();
    let mut walk = Walk::new(tree.root().clone());
    loop {
        match walk.next() {
            Want::Node(_) if !outline.shows(true) => {}
            Want::Node(want) if walk.depth() >= depth => outline.closed(&want)?,
            Want::Node(want) => match enter(tree, &mut walk, &want)? {
                Ok((layer, node)) => outline.enter(&want, layer, &node)?,
                Err(found) => {
                    if let Some(last) = found.last() {
                        outline.wrong(&want, last)?;
                    }
                    add(&mut problems, found);
                }
            },
            Want::Record(want) => {
                if outline.shows(false) {
                    outline.record(&want)?;
                }
            }
            Want::Leave { .. } => outline.leave()?,
            Want::End => return Ok(problems),
        }
    }
}

/// Reads a node and enters it, or returns what is wrong with it.
fn enter(
    tree: &dyn TreeReader,
    walk: &mut Walk,
    want: &NodeWant,
) -> Result<Result<(u8, Node), Vec<Problem>>, Failure> {
    let block = match tree.node(want) {
        Ok(block) => block,
        Err(Error::Problem(problem)) => return Ok(Err(vec![*problem])),
        Err(Error::Refused(problems)) => return Ok(Err(problems.into_listed())),
        Err(error) => return Err(error.into()),
    };
    let problems = walk.enter(&block);
    if problems.is_empty() {
        Ok(Ok((walk.height().unwrap_or(0), Node::decode(block.bytes())?)))
    } else {
        Ok(Err(problems))
    }
}

/// Adds problems; damage of the file once.
fn add(problems: &mut Problems, found: Vec<Problem>) {
    let first = problems.listed().first().cloned();
    for problem in found {
        if first.as_ref() != Some(&problem) {
            problems.push(problem);
        }
    }
}
