use crate::cli::bench::measure::usage::{Meter, Usage};
use crate::cli::failure::Failure;
use std::sync::{PoisonError, RwLock};
use std::thread::{Builder, scope};

/// Does all of it at the same time, each on a thread of its own that begins when all are there.
/// Gives what came of each, in the same order, and what it took together.
pub(in crate::cli) fn together<T: Send>(
    work: Vec<impl FnOnce() -> carrack::Result<T> + Send>,
) -> Result<(Vec<T>, Usage), Failure> {
    // Held until all are there; given up too if one cannot be started, or the others would wait on.
    let gate = RwLock::new(());
    let gate = &gate;
    scope(|scope| {
        let closed = gate.write().unwrap_or_else(PoisonError::into_inner);
        let mut threads = Vec::with_capacity(work.len());
        for work in work {
            let begin = move || {
                drop(gate.read().unwrap_or_else(PoisonError::into_inner));
                work()
            };
            let thread = Builder::new().spawn_scoped(scope, begin);
            threads.push(thread.map_err(|error| Failure::io("starting a thread", &error))?);
        }
        let meter = Meter::start();
        drop(closed);
        let ended: Vec<_> = threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        let usage = meter.stop();
        let mut done = Vec::with_capacity(ended.len());
        for ended in ended {
            let died = |_| Failure::unusable("a thread of the measurement died");
            done.push(ended.map_err(died)??);
        }
        Ok((done, usage))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn all_run_at_once_and_answer_in_order() {
        let all = &Barrier::new(4);
        let work: Vec<_> = (0..4)
            .map(|number| {
                move || {
                    all.wait();
                    Ok(number)
                }
            })
            .collect();
        assert_eq!(together(work).unwrap().0, [0, 1, 2, 3]);
        let failing = vec![|| Err::<(), _>(carrack::Error::Request("no".to_owned()))];
        assert_eq!(together(failing).unwrap_err().message(), "no");
    }
}
