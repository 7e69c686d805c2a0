use crate::cli::answer::Answer;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use clap::{Args, Command};
use clap_complete::Shell;

#[derive(Debug, Args)]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// `command` is the program's grammar.
pub(in crate::cli) fn run(args: &CompletionsArgs, mut command: Command) -> Result<Answer, Failure> {
    // The generator panics if its output fails, so it gets one that cannot.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "carrack", &mut script);
    let mut output = Output::new();
    output.own_text(&script)?;
    output.flush()?;
    Ok(Answer::Yes)
}
