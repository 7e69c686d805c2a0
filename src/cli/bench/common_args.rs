use clap::Args;
use std::path::PathBuf;

/// The options of all measurements.
#[derive(Debug, Args)]
pub(in crate::cli) struct CommonArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Also write a self-contained HTML page with tables and charts
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) html: Option<PathBuf>,
    /// Folder for the stores, on the disk to measure
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) dir: Option<PathBuf>,
}
