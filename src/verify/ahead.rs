//! A thread that works some batches ahead of whoever takes what it makes.

use crate::error::{Error, Result};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Batches that may wait to be taken; one more is being made, and one is being taken.
const BATCHES_WAITING: usize = 3;
/// A batch is handed over when its items have so many bytes, or are so many.
const BATCH_BYTES: usize = 512 * 1024;
const BATCH_ITEMS: usize = 4096;

/// What such a thread makes, in order. The thread ends with this, wherever it is.
pub(super) struct Ahead<T> {
    ready: std::vec::IntoIter<T>,
    batches: Option<Receiver<Vec<T>>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Ahead<T> {
    /// Starts a thread that puts what it makes into the outlet, until that refuses.
    pub(super) fn start(make: impl FnOnce(&mut Outlet<T>) + Send + 'static) -> Self {
        let (sender, batches) = sync_channel(BATCHES_WAITING);
        let thread = std::thread::spawn(move || {
            let mut outlet = Outlet { sender, batch: Vec::new(), bytes: 0 };
            make(&mut outlet);
            outlet.flush();
        });
        Self { ready: Vec::new().into_iter(), batches: Some(batches), thread: Some(thread) }
    }

    /// The next item; `None` once everything has been made and taken.
    pub(super) fn next(&mut self) -> Result<Option<T>> {
        loop {
            if let Some(item) = self.ready.next() {
                return Ok(Some(item));
            }
            let Some(batches) = &self.batches else { return Ok(None) };
            match batches.recv() {
                Ok(batch) => self.ready = batch.into_iter(),
                Err(_) => self.join()?,
            }
        }
    }

    /// A thread that has died has not come to its end.
    fn join(&mut self) -> Result<()> {
        self.batches = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => Err(Error::Closed("the thread that reads ahead has died".to_owned())),
            _ => Ok(()),
        }
    }
}

impl<T> Drop for Ahead<T> {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // Nobody waits for what it made: how it ended does not matter any more.
            let _ = thread.join();
        }
    }
}

/// Where the thread puts what it makes.
pub(super) struct Outlet<T> {
    sender: SyncSender<Vec<T>>,
    batch: Vec<T>,
    bytes: usize,
}

impl<T> Outlet<T> {
    /// Puts an item that keeps so many bytes in memory; false if nobody takes any more.
    pub(super) fn put(&mut self, item: T, bytes: usize) -> bool {
        self.batch.push(item);
        self.bytes += bytes;
        self.bytes < BATCH_BYTES && self.batch.len() < BATCH_ITEMS || self.flush()
    }

    /// Hands over what there is; false if nobody takes any more.
    pub(super) fn flush(&mut self) -> bool {
        self.bytes = 0;
        self.batch.is_empty() || self.sender.send(std::mem::take(&mut self.batch)).is_ok()
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
