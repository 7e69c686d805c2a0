//! Wall clock, CPU of all threads, and the most memory, between two moments.

use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::time::{Duration, Instant};

pub struct Meter {
    wall: Instant,
    cpu: Duration,
}

pub struct Spent {
    pub wall: Duration,
    pub cpu: Duration,
    /// The process's high-water mark in the meantime, in KiB: with what was resident before.
    pub peak_kib: u64,
}

impl Meter {
    pub fn start() -> Self {
        // Sets the high-water mark back to what is resident now: what an import took at its peak
        // is no part of the export after it. Where that is refused the mark is the whole run's.
        let _ = fs::write("/proc/self/clear_refs", "5");
        Self { wall: Instant::now(), cpu: cpu() }
    }

    pub fn stop(self) -> Spent {
        Spent { wall: self.wall.elapsed(), cpu: cpu() - self.cpu, peak_kib: peak_kib() }
    }
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
