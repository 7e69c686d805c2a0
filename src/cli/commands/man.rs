use crate::cli::answer::Output;
use crate::cli::args::Cli;
use crate::cli::failure::Failure;
use crate::cli::run::Answer;
use clap::{Args, CommandFactory};
use clap_mangen::Man;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct ManArgs {
    /// Write the pages of all commands into this folder, which is created; without it, the page of
    /// `carrack` itself goes to standard output
    #[arg(long)]
    dir: Option<PathBuf>,
}

pub(in crate::cli) fn run(args: &ManArgs) -> Result<Answer, Failure> {
    match &args.dir {
        Some(folder) => write_pages(folder)?,
        None => print_page()?,
    }
    Ok(Answer::Yes)
}

fn write_pages(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .map_err(|error| Failure::io(format_args!("writing into {}", folder.display()), &error))
}

fn print_page() -> Result<(), Failure> {
    let mut output = Output::new();
    // As with all pages: `help` gets none, so it is not referred to.
    Man::new(Cli::command().disable_help_subcommand(true))
        .render(&mut output)
        .map_err(|error| Failure::io("writing to the standard output", &error))?;
    output.flush()
}
