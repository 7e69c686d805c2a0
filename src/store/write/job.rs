//! Jobs that callers submit to the writer, and their results.

use crate::error::{Error, Result};
use crate::store::tables::Tables;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// A job reads and checks first, and writes only then: a job that fails with its own error must not
/// have written. It may run again in another transaction, if another job prevents the first one
/// from being committed.
pub(in crate::store) struct Job {
    work: Box<dyn Work>,
    /// For bulk jobs: the bytes of rows of a tree that readers do not see yet.
    pub(in crate::store) bulk: Option<usize>,
}

/// The state of the transaction after a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Ran {
    /// The job has written everything, or nothing.
    Kept,
    /// The store failed under the job, which may have written a part.
    Failed,
    /// The database refuses everything after this.
    Lost,
}

trait Work: Send {
    fn run(&mut self, tables: &mut Tables<'_>) -> Ran;
    fn fail(&mut self, error: Error) -> Ran;
    fn finish(self: Box<Self>, lost: Option<&str>);
}

struct Typed<R, W> {
    work: W,
    result: Option<Result<R>>,
    answer: SyncSender<Result<R>>,
}

/// A job that was submitted to the writer.
pub(crate) struct Pending<R> {
    answers: Receiver<Result<R>>,
    /// The error if the writer ends without an answer.
    gone: Box<dyn Fn() -> Error + Send>,
}

impl<R> Pending<R> {
    /// Waits until the job's transaction is durable.
    pub(crate) fn wait(self) -> Result<R> {
        self.answers.recv().map_err(|_| (self.gone)())?
    }
}

impl Job {
    pub(in crate::store) fn new<R: Send + 'static>(
        bulk: Option<usize>,
        work: impl FnMut(&mut Tables<'_>) -> Result<R> + Send + 'static,
        gone: impl Fn() -> Error + Send + 'static,
    ) -> (Self, Pending<R>) {
        let (answer, answers) = sync_channel(1);
        let work = Box::new(Typed { work, result: None, answer });
        (Self { work, bulk }, Pending { answers, gone: Box::new(gone) })
    }

    pub(in crate::store) fn run(&mut self, tables: &mut Tables<'_>) -> Ran {
        self.work.run(tables)
    }

    /// Sets the result to this error.
    pub(in crate::store) fn fail(&mut self, error: Error) -> Ran {
        self.work.fail(error)
    }

    /// Returns the result to the caller: it is durable, or lost for this reason.
    pub(in crate::store) fn finish(self, lost: Option<&str>) {
        self.work.finish(lost);
    }
}

impl<R: Send, W: FnMut(&mut Tables<'_>) -> Result<R> + Send> Work for Typed<R, W> {
    fn run(&mut self, tables: &mut Tables<'_>) -> Ran {
        let result = (self.work)(tables);
        let ran = result.as_ref().map_or_else(what_becomes, |_| Ran::Kept);
        self.result = Some(result);
        ran
    }

    fn fail(&mut self, error: Error) -> Ran {
        let ran = what_becomes(&error);
        self.result = Some(Err(error));
        if ran == Ran::Kept { Ran::Failed } else { ran }
    }

    fn finish(self: Box<Self>, lost: Option<&str>) {
        let result = match (self.result, lost) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(cause)) => Err(Error::Reopen(cause.to_owned())),
            (Some(result), None) => result,
            (None, None) => Err(Error::Reopen("the writer has not run the job".to_owned())),
        };
        // The caller may be gone.
        let _ = self.answer.send(result);
    }
}

fn what_becomes(error: &Error) -> Ran {
    match error {
        Error::Corrupt(_) | Error::Store(_) => Ran::Failed,
        Error::Reopen(_) | Error::Stale(_) => Ran::Lost,
        _ => Ran::Kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Entity;

    #[test]
    fn a_transaction_is_kept_only_if_the_store_did_not_fail_under_a_job() {
        let kept = Error::NotFound(Entity::Account("did:web:example.com".parse().unwrap()));
        assert_eq!(what_becomes(&kept), Ran::Kept);
        assert_eq!(what_becomes(&Error::Corrupt(String::new())), Ran::Failed);
        for lost in [Error::Reopen(String::new()), Error::Stale(String::new())] {
            assert_eq!(what_becomes(&lost), Ran::Lost);
        }
    }
}
