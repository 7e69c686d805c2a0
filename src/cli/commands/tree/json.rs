use crate::cli::account_tree::HeadFacts;
use crate::cli::answer::Answer;
use crate::cli::commands::tree::outline::Outline;
use crate::cli::failure::Failure;
use crate::cli::io::json_list::end_object;
use crate::cli::io::output::Output;
use carrack::Problem;
use carrack::block::Cid;
use carrack::tree::{Node, NodeWant, RecordWant};
use serde::Serialize;

/// Writes one object, part by part: a node has its parts in `items`, unless it is not entered.
pub(in crate::cli) struct JsonOutline {
    output: Output,
    /// For each node that is entered, whether it has an item already.
    open: Vec<bool>,
}

/// A node, or the beginning of one.
#[derive(Serialize)]
struct NodeObject<'a> {
    cid: &'a Cid,
    layer: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a Problem>,
}

#[derive(Serialize)]
struct RecordObject<'a> {
    cid: &'a Cid,
    path: String,
}

impl JsonOutline {
    /// Begins with the head.
    pub(in crate::cli) fn new(head: &HeadFacts<'_>) -> carrack::Result<Self> {
        let mut output = Output::new();
        let HeadFacts { did, rev, commit, data } = head;
        output.part("{\"did\":")?;
        output.json_part(did)?;
        output.part(",\"rev\":")?;
        output.json_part(rev)?;
        output.part(",\"commit\":")?;
        output.json_part(commit)?;
        output.part(",\"data\":")?;
        output.json_part(data)?;
        output.part(",\"root\":")?;
        Ok(Self { output, open: Vec::new() })
    }

    pub(in crate::cli) fn finish(
        self,
        outcome: Result<Answer, Failure>,
    ) -> Result<Answer, Failure> {
        end_object(self.output, outcome)
    }

    fn separate(&mut self) -> carrack::Result<()> {
        match self.open.last_mut() {
            Some(has_item) if *has_item => self.output.part(","),
            Some(has_item) => {
                *has_item = true;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Outline for JsonOutline {
    fn shows(&mut self, _: bool) -> bool {
        true
    }

    fn enter(&mut self, want: &NodeWant, layer: u8, _: &Node) -> Result<(), Failure> {
        self.separate()?;
        self.open.push(false);
        self.output.part("{\"cid\":")?;
        self.output.json_part(&want.cid)?;
        Ok(self.output.part(&format!(",\"layer\":{layer},\"items\":["))?)
    }

    fn closed(&mut self, want: &NodeWant) -> Result<(), Failure> {
        self.separate()?;
        Ok(self.output.json_part(&NodeObject {
            cid: &want.cid,
            layer: want.height,
            problem: None,
        })?)
    }

    fn wrong(&mut self, want: &NodeWant, problem: &Problem) -> Result<(), Failure> {
        self.separate()?;
        let problem = Some(problem);
        Ok(self.output.json_part(&NodeObject { cid: &want.cid, layer: want.height, problem })?)
    }

    fn record(&mut self, want: &RecordWant) -> Result<(), Failure> {
        self.separate()?;
        Ok(self.output.json_part(&RecordObject { cid: &want.cid, path: want.key.to_string() })?)
    }

    fn leave(&mut self) -> Result<(), Failure> {
        self.open.pop();
        Ok(self.output.part("]}")?)
    }
}
