use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::input::is_standard;
use crate::cli::io::output::Output;
use crate::cli::io::output_file::write_to;
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
    if is_standard(folder) {
        return Err(Failure::unusable("--dir needs the name of a folder"));
    }
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::io(format_args!("creating {}", folder.display()), &error))?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    write_page(folder, command)
}

/// The page of a command, after those of its own commands.
fn write_page(folder: &Path, command: Command) -> Result<(), Failure> {
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        write_page(folder, command.clone())?;
    }
    let page = Man::new(command);
    let path = folder.join(page.get_filename());
    write_to(Some(&path), |output| {
        let doing = || format!("writing {}", path.display());
        page.render(output).map_err(|source| carrack::Error::Io { doing: doing(), source })
    })
}

fn print_page(command: Command) -> Result<(), Failure> {
    let mut page = Vec::new();
    // As with all pages: `help` gets none, so it is not referred to.
    Man::new(command.disable_help_subcommand(true))
        .render(&mut page)
        .map_err(|error| Failure::io("writing the page", &error))?;
    let mut output = Output::new();
    output.own_text(&page)?;
    output.flush()
}
