use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use clap::{Args, Command};
use clap_mangen::Man;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct ManArgs {
    /// Write the pages of all commands into this folder, which is created; without it, the page of
    /// `carrack` itself goes to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// `command` is the program's grammar.
pub(in crate::cli) fn run(args: &ManArgs, command: Command) -> Result<Answer, Failure> {
    match &args.dir {
        Some(folder) => write_pages(folder, command)?,
        None => print_page(command)?,
    }
    Ok(Answer::Yes)
}

fn write_pages(folder: &Path, command: Command) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .map_err(|error| Failure::io(format_args!("writing into {}", folder.display()), &error))
}

fn print_page(command: Command) -> Result<(), Failure> {
    let mut output = Output::new();
    // As with all pages: `help` gets none, so it is not referred to.
    Man::new(command.disable_help_subcommand(true))
        .render(&mut output)
        .map_err(|error| Failure::io("writing to the standard output", &error))?;
    output.flush()
}
