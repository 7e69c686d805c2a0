//! Reads a file that is in any order in the order of its tree, ahead of the walk.
//!
//! What it reads is a guess at what the walk will ask for: it follows links and checks nothing but
//! hashes. The walk judges, and asks for itself where the two part.

use super::ahead::{Ahead, Outlet};
use super::index::{Index, Place};
use super::input::Input;
use crate::block::{Block, Cid};
use crate::car::{Frame, parse_section};
use crate::error::Result;
use crate::limits::LAYER_MAX;
use crate::tree::Node;
use std::sync::Arc;

/// A block that the walk will probably ask for next.
pub(super) struct Fetched {
    pub(super) cid: Cid,
    pub(super) found: Found,
}

/// What the file has of it.
pub(super) enum Found {
    /// A section, which is right.
    Block { slot: usize, offset: u64, length: usize, block: Block },
    /// A section that was found sound when the file was indexed; its bytes were not asked for.
    Sound { slot: usize, offset: u64, length: usize },
    /// Nothing, more than one section, or one that is wrong: look it up.
    Unclear,
}

/// What may be fetched where, and how much of it.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) input: Input,
    pub(super) index: Arc<Index>,
    /// Whether the bytes of sound records are wanted too.
    pub(super) with_records: bool,
}

impl Source {
    /// Fetches everything below this node.
    pub(super) fn fetch_below(&self, node: Node) -> Ahead<Fetched> {
        let source = self.clone();
        Ahead::start(move |outlet| {
            // A walk that asks no further and a file that cannot be read end it alike: the walk
            // finds out what there is to find out.
            let _ = source.descend(&node, outlet);
        })
    }

    fn descend(&self, node: &Node, outlet: &mut Outlet<Fetched>) -> Option<()> {
        let mut due = vec![self.steps(node)];
        while let Some(steps) = due.last_mut() {
            let Some(step) = steps.next() else {
                due.pop();
                continue;
            };
            let is_node = step.is_node;
            let fetched = self.fetch(step).ok()?;
            let below = if is_node { self.below(&fetched) } else { None };
            let bytes = fetched.memory();
            if !outlet.put(fetched, bytes) {
                return None;
            }
            if due.len() <= usize::from(LAYER_MAX) {
                due.extend(below);
            }
        }
        Some(())
    }

    /// The things that a node names, in the order of a walk. All of them are looked up at once,
    /// so that the memory's answers come together.
    fn steps(&self, node: &Node) -> std::vec::IntoIter<Step> {
        let mut steps = Vec::with_capacity(1 + 2 * node.entries.len());
        let mut step = |cid: &Cid, is_node| {
            let (slot, place) = self.look_up(cid).unzip();
            steps.push(Step { cid: cid.clone(), is_node, slot, place });
        };
        if let Some(cid) = &node.left {
            step(cid, true);
        }
        for entry in &node.entries {
            step(&entry.value, false);
            if let Some(cid) = &entry.right {
                step(cid, true);
            }
        }
        steps.into_iter()
    }

    /// The only section that can be it, if it is only one.
    fn look_up(&self, cid: &Cid) -> Option<(usize, Place)> {
        let range = self.index.candidates(cid);
        let slot = range.start;
        if range.len() == 1 { Some((slot, self.index.place(slot)?)) } else { None }
    }

    fn fetch(&self, step: Step) -> Result<Fetched> {
        let Step { cid, is_node, slot: Some(slot), place: Some(place) } = step else {
            return Ok(Fetched { cid: step.cid, found: Found::Unclear });
        };
        let (offset, length) = (place.offset, place.length);
        if place.is_sound && !is_node && !self.with_records {
            return Ok(Fetched { cid, found: Found::Sound { slot, offset, length } });
        }
        let frame = read_section(&self.input, place)?;
        let found = match frame.into_block() {
            Ok(block) if *block.cid() == cid => Found::Block { slot, offset, length, block },
            _ => Found::Unclear,
        };
        Ok(Fetched { cid, found })
    }

    fn below(&self, fetched: &Fetched) -> Option<std::vec::IntoIter<Step>> {
        let Found::Block { block, .. } = &fetched.found else { return None };
        let node = Node::decode(block.bytes()).ok()?;
        Some(self.steps(&node))
    }
}

/// One thing that a node names.
struct Step {
    cid: Cid,
    is_node: bool,
    slot: Option<usize>,
    place: Option<Place>,
}

impl Fetched {
    fn memory(&self) -> usize {
        match &self.found {
            Found::Block { length, .. } => *length,
            Found::Sound { .. } | Found::Unclear => size_of::<Self>(),
        }
    }
}

/// Reads the section at this place.
pub(super) fn read_section(input: &Input, place: Place) -> Result<Frame> {
    let bytes = input.read_exact_at(place.offset, place.length)?;
    Ok(parse_section(&bytes.into(), place.offset)?)
}
