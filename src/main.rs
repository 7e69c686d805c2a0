//! The carrack command. What it promises to scripts is in the manual.
#![forbid(unsafe_code)]

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
