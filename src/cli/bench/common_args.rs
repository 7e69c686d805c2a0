use clap::Args;
use std::path::PathBuf;

/// The options of all measurements.
#[derive(Debug, Args)]
pub(in crate::cli) struct CommonArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Also write a page with tables and charts that needs nothing beside it
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) html: Option<PathBuf>,
    /// Where the stores go while it runs: a folder on the disk that is to be measured
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) dir: Option<PathBuf>,
}
