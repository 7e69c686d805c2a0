use crate::cli::bench::measure::figures::float;
use crate::cli::bench::measure::usage::field_of;
use carrack::env::{Clock, SystemClock};
use carrack::event::Timestamp;
use serde::Serialize;
use std::path::Path;

/// Where and when something was measured.
pub(in crate::cli) struct Machine {
    cores: Option<usize>,
    cpu: Option<String>,
    memory_bytes: Option<u64>,
    file_system: Option<String>,
    /// The load average of the last minute.
    load: Option<f64>,
    date: Timestamp,
}

/// The JSON of it. Null marks what the system does not provide.
#[derive(Serialize)]
pub(in crate::cli) struct MachineObject<'a> {
    cores: Option<usize>,
    cpu: Option<&'a str>,
    memory_bytes: Option<u64>,
    system: String,
    file_system: Option<&'a str>,
    load: Option<f64>,
    date: &'a str,
    version: &'static str,
    build: &'static str,
}

impl Machine {
    /// This machine now, with its folder for the stores.
    pub(in crate::cli) fn here(folder: &Path) -> Self {
        Self {
            cores: std::thread::available_parallelism().ok().map(Into::into),
            cpu: cpu_model(),
            memory_bytes: field_of("/proc/meminfo", "MemTotal:").map(|kib| kib * 1024),
            file_system: file_system(folder),
            load: load(),
            date: Timestamp::from_micros(SystemClock.now_micros()),
        }
    }

    pub(in crate::cli) fn object(&self) -> MachineObject<'_> {
        MachineObject {
            cores: self.cores,
            cpu: self.cpu.as_deref(),
            memory_bytes: self.memory_bytes,
            system: system(),
            file_system: self.file_system.as_deref(),
            load: self.load,
            date: self.date.as_str(),
            version: env!("CARGO_PKG_VERSION"),
            build: build(),
        }
    }

    /// What it is, and what it ran, in a line each.
    pub(in crate::cli) fn lines(&self) -> Vec<(&'static str, String)> {
        let mut machine = vec![self.cpu.clone().unwrap_or_else(|| "unknown processor".to_owned())];
        machine.extend(self.cores.map(|cores| format!("{cores} cores")));
        let gib = |bytes| format!("{:.1} GiB", float(bytes) / f64::from(1 << 30));
        machine.extend(self.memory_bytes.map(gib));
        machine.push(system());
        machine.extend(self.file_system.clone());
        machine.extend(self.load.map(|load| format!("load {load:.1} at the start")));
        let carrack = format!("{}, {} build", env!("CARGO_PKG_VERSION"), build());
        vec![
            ("machine", machine.join(", ")),
            ("carrack", carrack),
            ("date", self.date.as_str().to_owned()),
        ]
    }

    /// What limits the meaning of the numbers.
    pub(in crate::cli) fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if cfg!(debug_assertions) {
            doubts
                .push("this is a debug build: its numbers say nothing about a release".to_owned());
        }
        if self.file_system.as_deref() == Some("tmpfs") {
            doubts.push(
                "the stores lie in memory, where nothing is made durable: name a folder on a disk \
                 with --dir"
                    .to_owned(),
            );
        }
        if let (Some(load), Some(cores)) = (self.load, self.cores)
            && load > float(cores as u64) / 2.0
        {
            doubts.push(
                "other processes wanted the processors too: CPU seconds say more than wall time \
                 here"
                    .to_owned(),
            );
        }
        doubts
    }
}

fn system() -> String {
    format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)
}

fn build() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}

fn cpu_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// The kind of the file system that a folder is on: of all that are mounted above it, the nearest.
fn file_system(folder: &Path) -> Option<String> {
    let folder = std::fs::canonicalize(folder).ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        Some((fields.next()?, fields.next()?))
    });
    // Of two at one place, the later hides the earlier.
    let above = mounts.filter(|(place, _)| folder.starts_with(place));
    above.max_by_key(|(place, _)| place.len()).map(|(_, kind)| kind.to_owned())
}
