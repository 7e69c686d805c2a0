//! Threads that produce results some batches ahead of their consumer.

use crate::error::{Error, Result};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Batches that may be queued; one more is being filled and one is being consumed.
const BATCHES_WAITING: usize = 3;
/// The same per thread, if several threads produce.
const BATCHES_WAITING_EACH: usize = 1;
/// A batch is sent when its items have this many bytes, or this number.
const BATCH_BYTES: usize = 512 * 1024;
const BATCH_ITEMS: usize = 4096;

/// The results of such threads, in order. Dropping it ends the threads.
pub(in crate::verify) struct Ahead<T> {
    ready: std::vec::IntoIter<T>,
    /// The batches come from these in turn; the first that ends is the end.
    sources: Vec<Receiver<Vec<T>>>,
    turn: usize,
    threads: Vec<JoinHandle<()>>,
}

impl<T: Send + 'static> Ahead<T> {
    /// Starts a thread that puts results into the outlet, until the outlet refuses.
    pub(in crate::verify) fn start(make: impl FnOnce(&mut Outlet<T>) + Send + 'static) -> Self {
        let (sender, source) = sync_channel(BATCHES_WAITING);
        let thread = std::thread::spawn(move || Outlet::to(vec![sender]).fill(make));
        Self::from(vec![source], vec![thread])
    }

    /// Starts a thread that puts plans into the outlet, and several that carry them out.
    pub(in crate::verify) fn start_several<P: Send + 'static>(
        threads: usize,
        plan: impl FnOnce(&mut Outlet<P>) + Send + 'static,
        make: impl Fn(P) -> T + Clone + Send + 'static,
    ) -> Self {
        let (mut plans, mut sources, mut started) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..threads.max(1) {
            let (planned, to_make) = sync_channel::<Vec<P>>(BATCHES_WAITING_EACH);
            let (made, source) = sync_channel::<Vec<T>>(BATCHES_WAITING_EACH);
            let make = make.clone();
            started.push(std::thread::spawn(move || {
                for batch in to_make {
                    if made.send(batch.into_iter().map(&make).collect()).is_err() {
                        return;
                    }
                }
            }));
            plans.push(planned);
            sources.push(source);
        }
        started.push(std::thread::spawn(move || Outlet::to(plans).fill(plan)));
        Self::from(sources, started)
    }

    fn from(sources: Vec<Receiver<Vec<T>>>, threads: Vec<JoinHandle<()>>) -> Self {
        Self { ready: Vec::new().into_iter(), sources, turn: 0, threads }
    }

    /// The next item; `None` at the end.
    pub(in crate::verify) fn next(&mut self) -> Result<Option<T>> {
        loop {
            if let Some(item) = self.ready.next() {
                return Ok(Some(item));
            }
            let Some(source) = self.sources.get(self.turn) else { return Ok(None) };
            match source.recv() {
                Ok(batch) => {
                    self.ready = batch.into_iter();
                    self.turn = (self.turn + 1) % self.sources.len();
                }
                Err(_) => self.join()?,
            }
        }
    }

    /// An error if a thread panicked.
    fn join(&mut self) -> Result<()> {
        self.sources.clear();
        let ended: Vec<_> = self.threads.drain(..).map(JoinHandle::join).collect();
        if ended.iter().any(std::result::Result::is_err) {
            return Err(Error::Closed("a thread that reads ahead has died".to_owned()));
        }
        Ok(())
    }
}

impl<T> Drop for Ahead<T> {
    fn drop(&mut self) {
        self.sources.clear();
        for thread in self.threads.drain(..) {
            // The consumer is gone, so the outcome does not matter.
            let _ = thread.join();
        }
    }
}

/// Where a thread puts its results or plans.
pub(in crate::verify) struct Outlet<T> {
    /// The senders, used in turn.
    senders: Vec<SyncSender<Vec<T>>>,
    turn: usize,
    batch: Vec<T>,
    bytes: usize,
}

impl<T> Outlet<T> {
    fn to(senders: Vec<SyncSender<Vec<T>>>) -> Self {
        Self { senders, turn: 0, batch: Vec::new(), bytes: 0 }
    }

    fn fill(mut self, make: impl FnOnce(&mut Self)) {
        make(&mut self);
        self.flush();
    }

    /// Puts an item that takes this many bytes of memory; false if the consumer is gone.
    pub(in crate::verify) fn put(&mut self, item: T, bytes: usize) -> bool {
        self.batch.push(item);
        self.bytes += bytes;
        self.bytes < BATCH_BYTES && self.batch.len() < BATCH_ITEMS || self.flush()
    }

    /// Sends the current batch; false if the consumer is gone.
    pub(in crate::verify) fn flush(&mut self) -> bool {
        self.bytes = 0;
        if self.batch.is_empty() {
            return true;
        }
        let Some(sender) = self.senders.get(self.turn) else { return false };
        self.turn = (self.turn + 1) % self.senders.len();
        sender.send(std::mem::take(&mut self.batch)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_comes_in_order() {
        let mut ahead = Ahead::start(|outlet| {
            for number in 0..10_000u32 {
                assert!(outlet.put(number, 100));
            }
        });
        for number in 0..10_000 {
            assert_eq!(ahead.next().unwrap(), Some(number));
        }
        assert_eq!(ahead.next().unwrap(), None);
        assert_eq!(ahead.next().unwrap(), None);
    }

    #[test]
    fn all_comes_in_order_from_several_threads() {
        for threads in 1..4 {
            let plan = |outlet: &mut Outlet<u32>| {
                for number in 0..20_000u32 {
                    assert!(outlet.put(number, 100));
                }
            };
            let mut ahead = Ahead::start_several(threads, plan, |number| number * 2);
            for number in 0..20_000 {
                assert_eq!(ahead.next().unwrap(), Some(number * 2));
            }
            assert_eq!(ahead.next().unwrap(), None);
            assert_eq!(ahead.next().unwrap(), None);
        }
    }

    #[test]
    fn one_of_several_that_dies_is_no_end() {
        for bad in [0u32, 5000, 19_999] {
            let plan = |outlet: &mut Outlet<u32>| {
                for number in 0..20_000u32 {
                    if !outlet.put(number, 100) {
                        return;
                    }
                }
            };
            let make = move |number| {
                assert_ne!(number, bad, "on purpose");
                number
            };
            let mut ahead = Ahead::start_several(3, plan, make);
            let ended = std::iter::from_fn(|| ahead.next().transpose()).find_map(Result::err);
            assert!(ended.is_some(), "{bad}");
        }
    }

    #[test]
    fn a_thread_that_dies_is_no_end() {
        let mut ahead = Ahead::start(|outlet| {
            outlet.put(1, 1);
            outlet.flush();
            panic!("on purpose");
        });
        assert_eq!(ahead.next().unwrap(), Some(1));
        assert!(ahead.next().is_err());
    }

    #[test]
    fn who_stops_taking_ends_it() {
        let mut ahead = Ahead::start(|outlet| while outlet.put(0, BATCH_BYTES) {});
        assert_eq!(ahead.next().unwrap(), Some(0));
        drop(ahead);
    }
}
