//! The rules for a node in its place: the range and height that its parent leaves.

use crate::problem::{Code, Problem};
use crate::tree::Key;
use crate::tree::Node;
use crate::tree::layer;

/// The place of a node.
#[derive(Clone, Copy)]
pub(in crate::tree) struct NodePlace<'a> {
    /// The key left of it.
    pub(in crate::tree) left: &'a Key,
    /// The first key to its right; `None` at the right edge.
    pub(in crate::tree) end: Option<&'a Key>,
    /// Its height; `None` for a root, whose keys determine it.
    pub(in crate::tree) height: Option<u8>,
}

impl NodePlace<'_> {
    /// Checks a node against every rule, and gives its height.
    pub(in crate::tree) fn check(self, node: &Node) -> (u8, Vec<Problem>) {
        let mut problems = Vec::new();
        let of_first = || node.entries.first().map(|entry| layer(entry.key.as_bytes()));
        let height = self.height.or_else(of_first).unwrap_or(0);
        self.check_entries(node, height, &mut problems);
        self.check_range(node, &mut problems);
        for entry in &node.entries {
            let found = layer(entry.key.as_bytes());
            if found != height {
                let message = format!("a key of layer {found} in a node of layer {height}");
                problems.push(Problem::new(Code::WrongLayer, message).path(&entry.key));
            }
        }
        (height, problems)
    }

    /// A node below a root with entries has a key on at least one side.
    fn is_root(self) -> bool {
        *self.left == Key::edge() && self.end.is_none()
    }

    fn check_entries(self, node: &Node, height: u8, problems: &mut Vec<Problem>) {
        let has_right = node.entries.iter().any(|entry| entry.right.is_some());
        let (code, message) = match (node.entries.is_empty(), &node.left) {
            (true, None) if self.is_root() && height == 0 => return,
            (true, None) => (Code::EmptyNode, "a node without entries and without a subtree"),
            (true, Some(_)) if self.is_root() => {
                (Code::EmptyNode, "the root has a subtree but no entries")
            }
            (true, Some(_)) if height == 0 => {
                (Code::EmptyNode, "a node without entries at the bottom")
            }
            (false, left) if height == 0 && (has_right || left.is_some()) => {
                (Code::WrongLayer, "a subtree below layer 0")
            }
            _ => return,
        };
        problems.push(Problem::new(code, message));
    }

    fn check_range(self, node: &Node, problems: &mut Vec<Problem>) {
        if let Some(first) = node.entries.first().filter(|entry| entry.key <= *self.left) {
            let message = "a subtree's key is not right of the entry that it hangs on";
            problems.push(Problem::new(Code::KeyRange, message).path(&first.key));
        }
        let (Some(end), Some(last)) = (self.end, node.entries.last()) else { return };
        if last.key >= *end {
            let message = format!("a subtree's key is not left of {end}, its parent's next entry");
            problems.push(Problem::new(Code::KeyRange, message).path(&last.key));
        }
    }
}
