//! The resources that this process has used, as far as the system provides them.

use crate::cli::bench::measure::figures::{float, rate};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A measurement that is under way.
pub(in crate::cli) struct Meter {
    start: Instant,
    cpu: Option<Duration>,
    written: Option<u64>,
    /// Whether the peak will be that of what is measured.
    peak_counts: bool,
}

/// Whether something was measured in this process before.
static MEASURED: AtomicBool = AtomicBool::new(false);

/// What something took. `None` is what the system does not tell.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Usage {
    pub(in crate::cli) wall_seconds: f64,
    /// Of all threads, in user and system mode.
    pub(in crate::cli) cpu_seconds: Option<f64>,
    /// The most memory that was resident.
    pub(in crate::cli) peak_bytes: Option<u64>,
    /// Handed to the file system for its medium.
    pub(in crate::cli) written_bytes: Option<u64>,
}

impl Meter {
    pub(in crate::cli) fn start() -> Self {
        let first = !MEASURED.swap(true, Ordering::SeqCst);
        // Where this is not allowed, the first peak is the process's own, and no other is known.
        let peak_counts = forget_peak().is_ok() || first;
        Self { cpu: cpu(), written: written_bytes(), peak_counts, start: Instant::now() }
    }

    pub(in crate::cli) fn stop(self) -> Usage {
        let wall = self.start.elapsed();
        let since = |now: Option<Duration>| Some(now?.saturating_sub(self.cpu?));
        Usage {
            wall_seconds: wall.as_secs_f64(),
            cpu_seconds: since(cpu()).map(|cpu| cpu.as_secs_f64()),
            peak_bytes: peak_bytes().filter(|_| self.peak_counts),
            written_bytes: written_bytes()
                .zip(self.written)
                .map(|(now, then)| now.saturating_sub(then)),
        }
    }
}

impl Usage {
    /// How many of these things it was a second.
    pub(in crate::cli) fn rate(&self, count: u64) -> f64 {
        rate(count, self.wall_seconds)
    }

    /// The processor time of each of these things, in seconds.
    pub(in crate::cli) fn cpu_of_each(&self, count: u64) -> Option<f64> {
        self.cpu_seconds.map(|cpu| cpu / float(count))
    }

    /// The bytes written for each of these things.
    pub(in crate::cli) fn written_of_each(&self, count: u64) -> Option<f64> {
        self.written_bytes.map(|bytes| float(bytes) / float(count))
    }
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn cpu() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?);
    Some(Duration::new(seconds, nanos))
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn cpu() -> Option<Duration> {
    None
}

/// Has the system begin anew with the peak.
fn forget_peak() -> std::io::Result<()> {
    if cfg!(target_os = "linux") {
        return std::fs::write("/proc/self/clear_refs", "5");
    }
    Ok(())
}

fn peak_bytes() -> Option<u64> {
    let kib = field_of("/proc/self/status", "VmHWM:")?;
    Some(kib * 1024)
}

fn written_bytes() -> Option<u64> {
    field_of("/proc/self/io", "write_bytes:")
}

/// The number behind a name, in a file of Linux's; elsewhere there is no such file.
pub(in crate::cli) fn field_of(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_plausible() {
        let meter = Meter::start();
        let held = vec![1_u8; 1 << 20];
        let usage = meter.stop();
        assert!(held.iter().all(|byte| *byte == 1));
        assert!(usage.wall_seconds > 0.0);
        assert!(usage.peak_bytes.is_none_or(|bytes| bytes > 1 << 20));
        assert_eq!(usage.peak_bytes.is_some(), cfg!(target_os = "linux"));
        let json = serde_json::to_value(usage).unwrap();
        assert!(json.as_object().unwrap().contains_key("written_bytes"));
    }
}
