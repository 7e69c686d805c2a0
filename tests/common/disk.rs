//! A disk in memory that loses power: what was written since the last sync may be gone, in part
//! or in whole, in any order.

use super::Rng;
use redb::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What a reader sees.
    current: Vec<u8>,
    /// What is certain to be there after a power loss.
    durable: Vec<u8>,
    /// What has been done since the last sync.
    pending: Vec<Change>,
    syncs: u64,
    bytes_written: u64,
    fail_at_sync: Option<u64>,
    failed: bool,
    sync_takes: Duration,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, data: Vec<u8> },
    Length(usize),
}

/// What of the changes since the last sync survives.
#[derive(Clone, Copy, Debug)]
pub enum Loss {
    /// Nothing.
    Everything,
    /// What was written first, as far as a seed says.
    Tail(u64),
    /// Pages of 4 KiB that a seed picks.
    Pages(u64),
    /// All of it: only the confirmation was lost.
    Discard,
}

impl Loss {
    /// The kinds, some of them several times.
    pub fn all(seed: u64) -> Vec<Self> {
        let seeds = (0..3).map(|n| seed * 3 + n);
        let some = seeds.flat_map(|seed| [Self::Tail(seed), Self::Pages(seed)]);
        [Self::Everything, Self::Discard].into_iter().chain(some).collect()
    }
}

impl Disk {
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk with this content.
    pub fn holding(image: Vec<u8>) -> Self {
        let state = State { current: image.clone(), durable: image, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// What is on it.
    pub fn image(&self) -> Vec<u8> {
        self.state().current.clone()
    }

    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Bytes that have been written to it so far.
    pub fn bytes_written(&self) -> u64 {
        self.state().bytes_written
    }

    /// Power fails at the sync of this number, counted from 1; nothing succeeds from then on.
    pub fn fail_at_sync(&self, number: u64) {
        self.state().fail_at_sync = Some(number);
    }

    /// Power is back, or whatever failed works again. What was written since the last sync is there.
    pub fn heal(&self) {
        let mut state = self.state();
        (state.failed, state.fail_at_sync) = (false, None);
    }

    /// Makes every sync last.
    pub fn sync_takes(&self, time: Duration) {
        self.state().sync_takes = time;
    }

    /// Whether power has failed.
    pub fn failed(&self) -> bool {
        self.state().failed
    }

    /// The disk as it comes back.
    pub fn after(&self, loss: Loss) -> Self {
        let state = self.state();
        let mut image = state.durable.clone();
        let kept = match loss {
            Loss::Everything => Vec::new(),
            Loss::Discard => state.pending.clone(),
            Loss::Tail(seed) => {
                let count = Rng::new(seed).below(state.pending.len() as u64 + 1) as usize;
                state.pending[..count].to_vec()
            }
            Loss::Pages(seed) => some_pages(&state.pending, &mut Rng::new(seed)),
        };
        for change in kept {
            change.apply(&mut image);
        }
        Self::holding(image)
    }
}

/// Cuts all changes at multiples of 4 KiB and drops half of the pieces.
fn some_pages(changes: &[Change], rng: &mut Rng) -> Vec<Change> {
    let mut kept = Vec::new();
    for change in changes {
        let Change::Write { offset, data } = change else {
            kept.extend((rng.below(2) == 0).then(|| change.clone()));
            continue;
        };
        let mut from = 0;
        while from < data.len() {
            let to = data.len().min((offset + from) / 4096 * 4096 + 4096 - offset);
            if rng.below(2) == 0 {
                kept.push(Change::Write { offset: offset + from, data: data[from..to].to_vec() });
            }
            from = to;
        }
    }
    kept
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Length(length) => image.resize(*length, 0),
            Self::Write { offset, data } => {
                let end = offset + data.len();
                if image.len() < end {
                    image.resize(end, 0);
                }
                image[*offset..end].copy_from_slice(data);
            }
        }
    }
}

impl State {
    fn check_power(&self) -> io::Result<()> {
        if self.failed { Err(io::Error::other("the power is gone")) } else { Ok(()) }
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        self.check_power()?;
        change.apply(&mut self.current);
        self.pending.push(change);
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let found = state.current.get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.state().change(Change::Length(length as usize))
    }

    fn sync_data(&self) -> io::Result<()> {
        let time = self.state().sync_takes;
        std::thread::sleep(time);
        let mut state = self.state();
        state.check_power()?;
        state.syncs += 1;
        if state.fail_at_sync == Some(state.syncs) {
            state.failed = true;
            return state.check_power();
        }
        for change in std::mem::take(&mut state.pending) {
            change.apply(&mut state.durable);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.bytes_written += data.len() as u64;
        state.change(Change::Write { offset: offset as usize, data: data.to_vec() })
    }
}
