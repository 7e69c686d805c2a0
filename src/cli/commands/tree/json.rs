use crate::cli::account_tree::HeadFacts;
use crate::cli::answer::Answer;
use crate::cli::commands::tree::outline::Outline;
use crate::cli::failure::Failure;
use crate::cli::io::json_list::JsonList;
use carrack::Problem;
use carrack::block::Cid;
use carrack::tree::{Node, NodeWant, RecordWant};
use serde::Serialize;

/// Writes one object with a flat list of the tree's parts, in the order of the text.
pub(in crate::cli) struct JsonOutline {
    parts: JsonList,
    /// The number of nodes that are entered.
    open: u64,
}

/// A node or a record.
#[derive(Serialize)]
struct PartObject<'a> {
    depth: u64,
    cid: &'a Cid,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_entered: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
}

impl JsonOutline {
    /// Begins with the head.
    pub(in crate::cli) fn new(head: &HeadFacts<'_>) -> Self {
        Self { parts: JsonList::after(head, "parts"), open: 0 }
    }

    pub(in crate::cli) fn finish(
        self,
        outcome: Result<Answer, Failure>,
    ) -> Result<Answer, Failure> {
        self.parts.finish(outcome)
    }

    fn part<'a>(&self, cid: &'a Cid) -> PartObject<'a> {
        let depth = self.open + 1;
        PartObject { depth, cid, path: None, layer: None, is_entered: None, problem: None }
    }
}

impl Outline for JsonOutline {
    fn shows(&mut self, _: bool) -> bool {
        true
    }

    fn enter(&mut self, want: &NodeWant, layer: u8, _: &Node) -> Result<(), Failure> {
        let part = self.part(&want.cid);
        self.open += 1;
        let (layer, is_entered) = (Some(layer), Some(true));
        Ok(self.parts.push(&PartObject { layer, is_entered, ..part })?)
    }

    fn closed(&mut self, want: &NodeWant) -> Result<(), Failure> {
        let (layer, is_entered) = (want.height, Some(false));
        let part = PartObject { layer, is_entered, ..self.part(&want.cid) };
        Ok(self.parts.push(&part)?)
    }

    fn wrong(&mut self, want: &NodeWant, problem: &Problem) -> Result<(), Failure> {
        let (layer, is_entered) = (want.height, Some(false));
        let part = self.part(&want.cid);
        let part = PartObject { layer, is_entered, problem: Some(problem.code.as_str()), ..part };
        Ok(self.parts.push(&part)?)
    }

    fn record(&mut self, want: &RecordWant) -> Result<(), Failure> {
        let part = PartObject { path: Some(want.key.to_string()), ..self.part(&want.cid) };
        Ok(self.parts.push(&part)?)
    }

    fn leave(&mut self) -> Result<(), Failure> {
        self.open -= 1;
        Ok(())
    }
}
