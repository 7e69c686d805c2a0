use crate::cli::account_tree::HeadFacts;
use crate::cli::answer::Answer;
use crate::cli::commands::tree::json::JsonOutline;
use crate::cli::commands::tree::outline::draw;
use crate::cli::commands::tree::text::TextOutline;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use crate::cli::io::stderr::note;
use crate::cli::opened::Opened;
use crate::cli::repository::RepositoryArgs;
use crate::cli::selector::Selector;
use crate::cli::text::{or_dash, things};
use carrack::{Error, Problems};
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct TreeArgs {
    #[command(flatten)]
    repository: RepositoryArgs,
    /// The account in the STORE, or its at:// URI
    #[arg(value_name = "DID")]
    selector: Option<Selector>,
    /// How many levels of nodes are shown, the root's included
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u8).range(1..))]
    depth: u8,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) fn run(args: &TreeArgs) -> Result<Answer, Failure> {
    let place = args.repository.select(args.selector.as_slice())?.whole()?;
    let opened = Opened::open(&place)?;
    let depth = u64::from(args.depth);
    if args.json {
        let mut outline = JsonOutline::new(&opened.head());
        let outcome = draw(opened.tree(), depth, &mut outline).and_then(judge);
        return outline.finish(outcome);
    }
    let mut output = Output::new();
    print_head(&mut output, &opened.head())?;
    let mut outline = TextOutline::new(output);
    let outcome = draw(opened.tree(), depth, &mut outline);
    outline.output.flush()?;
    if outline.closed > 0 {
        let closed = things(outline.closed, "subtree");
        note(format_args!("{closed} not shown: --depth {} shows one more level", depth + 1));
    }
    outcome.and_then(judge)
}

fn print_head(output: &mut Output, head: &HeadFacts<'_>) -> Result<(), Failure> {
    output.field("account", head.did)?;
    output.field("revision", or_dash(head.rev))?;
    output.field("commit", head.commit)?;
    output.field("data", head.data)
}

fn judge(problems: Problems) -> Result<Answer, Failure> {
    if problems.is_empty() {
        return Ok(Answer::Yes);
    }
    let all = things(problems.count(), "problem");
    let failure = Failure::from(Error::Refused(problems));
    Err(failure.preceded_by(format_args!("the tree has holes: {all}; ")))
}
