//! Input, output, progress, and panics on the way.

pub(in crate::cli) mod escape;
pub(in crate::cli) mod input;
pub(in crate::cli) mod json_list;
pub(in crate::cli) mod known_file;
pub(in crate::cli) mod output;
pub(in crate::cli) mod output_file;
pub(in crate::cli) mod panics;
pub(in crate::cli) mod progress;
pub(in crate::cli) mod stderr;
