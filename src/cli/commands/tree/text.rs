use crate::cli::commands::tree::outline::Outline;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::text::things;
use carrack::Problem;
use carrack::block::Cid;
use carrack::tree::{Node, NodeWant, RecordWant};

/// Entries and subtrees of one node that are drawn; the others are counted.
const PARTS_SHOWN_MAX: u64 = 64;

/// Draws lines, indented by depth.
pub(in crate::cli) struct TextOutline {
    pub(in crate::cli) output: Output,
    /// The nodes that are entered.
    open: Vec<Parts>,
    /// Nodes that are not entered because of their depth.
    pub(in crate::cli) closed: u64,
}

/// The parts of a node so far.
#[derive(Default)]
struct Parts {
    shown: u64,
    hidden_records: u64,
    hidden_nodes: u64,
}

impl TextOutline {
    pub(in crate::cli) fn new(output: Output) -> Self {
        Self { output, open: Vec::new(), closed: 0 }
    }

    fn line(&mut self, text: &str) -> Result<(), Failure> {
        let indent = "  ".repeat(self.open.len());
        self.output.line(format_args!("{indent}{text}"))
    }
}

impl Outline for TextOutline {
    fn shows(&mut self, is_node: bool) -> bool {
        let Some(parts) = self.open.last_mut() else { return true };
        if parts.shown < PARTS_SHOWN_MAX {
            parts.shown += 1;
            return true;
        }
        parts.hidden_nodes += u64::from(is_node);
        parts.hidden_records += u64::from(!is_node);
        false
    }

    fn enter(&mut self, want: &NodeWant, layer: u8, node: &Node) -> Result<(), Failure> {
        let right = node.entries.iter().filter(|entry| entry.right.is_some()).count();
        let subtrees = (right + usize::from(node.left.is_some())) as u64;
        let entries = match node.entries.len() {
            1 => "1 entry".to_owned(),
            more => format!("{more} entries"),
        };
        let subtrees = things(subtrees, "subtree");
        self.line(&format!("layer {layer}  {}  {entries}, {subtrees}", short(&want.cid)))?;
        self.open.push(Parts::default());
        Ok(())
    }

    fn closed(&mut self, want: &NodeWant) -> Result<(), Failure> {
        self.closed += 1;
        self.line(&format!("{}  …", place(want)))
    }

    fn wrong(&mut self, want: &NodeWant, problem: &Problem) -> Result<(), Failure> {
        self.line(&format!("{}  {}: {}", place(want), problem.code, problem.message))
    }

    fn record(&mut self, want: &RecordWant) -> Result<(), Failure> {
        self.line(&format!("{}  {}", want.key, short(&want.cid)))
    }

    fn leave(&mut self) -> Result<(), Failure> {
        if let Some(Parts { hidden_records: records, hidden_nodes: nodes, .. }) = self.open.last()
            && records + nodes > 0
        {
            let records = things(*records, "more record");
            let nodes = things(*nodes, "more subtree");
            self.line(&format!("… {records}, {nodes}"))?;
        }
        self.open.pop();
        Ok(())
    }
}

/// A node that is not entered.
fn place(want: &NodeWant) -> String {
    match want.height {
        Some(layer) => format!("layer {layer}  {}", short(&want.cid)),
        None => format!("root  {}", short(&want.cid)),
    }
}

/// The beginning and the end of a CID.
fn short(cid: &Cid) -> String {
    const KEPT: usize = 8;
    let text = cid.to_string();
    match (text.get(..KEPT), text.len().checked_sub(KEPT).and_then(|from| text.get(from..))) {
        (Some(start), Some(end)) if text.len() > 3 * KEPT => format!("{start}…{end}"),
        _ => text,
    }
}
