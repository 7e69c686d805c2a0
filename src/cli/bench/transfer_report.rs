use crate::cli::bench::measure::figures::{
    Spread, number, rate, shown, size, tally, time, times, whole,
};
use crate::cli::bench::measure::machine::Machine;
use crate::cli::bench::report::report::{BenchReport, Chart, ChartBar, Table};
use crate::cli::bench::transfer_subject::TransferSubject;
use serde_json::{Value, json};

/// The yardsticks.
pub(in crate::cli) const HASH: &str = "sha256";
pub(in crate::cli) const COPY: &str = "sha256 + write + fsync";

/// The runs of one job and of its yardstick.
pub(in crate::cli) struct JobRuns {
    job: &'static str,
    order: Option<&'static str>,
    yardstick: &'static str,
    runs: Vec<Value>,
    beside: Vec<Value>,
}

impl JobRuns {
    pub(in crate::cli) fn new(
        job: &'static str,
        order: Option<&'static str>,
        yardstick: &'static str,
    ) -> Self {
        Self { job, order, yardstick, runs: Vec::new(), beside: Vec::new() }
    }

    pub(in crate::cli) fn add(&mut self, run: Value, beside: Value) {
        self.runs.push(run);
        self.beside.push(beside);
    }

    fn name(&self) -> String {
        match self.order {
            None => self.job.to_owned(),
            Some(order) => format!("{}, {order} order", self.job),
        }
    }

    fn content(&self, field: &str) -> u64 {
        self.runs.first().and_then(|run| run.get(field)).and_then(Value::as_u64).unwrap_or_default()
    }

    fn to_json(&self) -> Value {
        let (wall, cpu) = (spread(&self.runs, "/wall_seconds"), spread(&self.runs, "/cpu_seconds"));
        let beside_wall = spread(&self.beside, "/wall_seconds");
        let beside_cpu = spread(&self.beside, "/cpu_seconds");
        let per_second = |of: u64| wall.map(|wall| rate(of, wall.median));
        let mut out = json!({
            "job": self.job,
            "order": self.order,
            "runs": self.runs.len(),
            "records": self.content("records"),
            "bytes": self.content("bytes"),
            "wall_seconds": wall.map(Spread::to_json),
            "cpu_seconds": cpu.map(Spread::to_json),
            "records_per_second": per_second(self.content("records")),
            "bytes_per_second": per_second(self.content("bytes")),
            "peak_bytes": spread(&self.runs, "/peak_bytes").map(|peak| whole(peak.max)),
            "written_bytes": spread(&self.runs, "/written_bytes").map(|written| whole(written.median)),
            "yardstick": {
                "does": self.yardstick,
                "wall_seconds": beside_wall.map(Spread::to_json),
                "cpu_seconds": beside_cpu.map(Spread::to_json),
            },
            "ratio": { "wall": ratio(wall, beside_wall), "cpu": ratio(cpu, beside_cpu) },
        });
        if let (Some(fence), Some(fields)) =
            (spread(&self.runs, "/fence_seconds"), out.as_object_mut())
        {
            fields.insert("fence_seconds".to_owned(), fence.to_json());
        }
        out
    }
}

/// Of all runs, or nothing if one does not know it.
fn spread(runs: &[Value], pointer: &str) -> Option<Spread> {
    let values = runs.iter().map(|run| number(run, pointer)).collect::<Option<Vec<_>>>()?;
    Spread::of(values)
}

fn ratio(job: Option<Spread>, yardstick: Option<Spread>) -> Option<f64> {
    let yardstick = yardstick?.median;
    (yardstick > 0.0).then_some(job?.median / yardstick)
}

pub(in crate::cli) fn report(
    machine: Machine,
    subject: &TransferSubject,
    runs: u32,
    measured: &[JobRuns],
) -> BenchReport {
    let jobs: Vec<(String, Value)> =
        measured.iter().map(|measured| (measured.name(), measured.to_json())).collect();
    let mut report = BenchReport::new("transfer", machine);
    report.set("records", jobs.first().map(|(_, job)| job["records"].clone()));
    report.set("bytes", jobs.first().map(|(_, job)| job["bytes"].clone()));
    report.set("repository", Some(if subject.generated { "generated" } else { "given" }));
    report.set("did", Some(subject.did.as_str()));
    report.set("signature", Some(if subject.is_verified() { "checked" } else { "unchecked" }));
    report.set("runs", Some(runs));
    report.tables = vec![jobs_table(&jobs), yardstick_table(&jobs)];
    report.charts = charts(&jobs);
    report.notes = notes(subject);
    report.give("jobs", jobs.into_iter().map(|(_, job)| job).collect::<Value>());
    report
}

fn jobs_table(jobs: &[(String, Value)]) -> Table {
    let mut table = Table::new(
        "Jobs",
        &["job", "wall", "min", "max", "CPU", "records/s", "MB/s", "peak memory", "written"],
    );
    for (name, job) in jobs {
        let figure = |pointer: &str, show: fn(f64) -> String| shown(number(job, pointer), show);
        table.row([
            name.clone(),
            figure("/wall_seconds/median", time),
            figure("/wall_seconds/min", time),
            figure("/wall_seconds/max", time),
            figure("/cpu_seconds/median", time),
            figure("/records_per_second", tally),
            figure("/bytes_per_second", |bytes| format!("{:.1}", bytes / 1e6)),
            figure("/peak_bytes", size),
            figure("/written_bytes", size),
        ]);
    }
    table
}

fn yardstick_table(jobs: &[(String, Value)]) -> Table {
    let mut table = Table::new(
        "Beside their yardsticks, on the same bytes",
        &["job", "yardstick", "its wall", "its CPU", "wall ratio", "CPU ratio"],
    );
    for (name, job) in jobs {
        let figure = |pointer: &str, show: fn(f64) -> String| shown(number(job, pointer), show);
        table.row([
            name.clone(),
            job.pointer("/yardstick/does").and_then(Value::as_str).unwrap_or_default().to_owned(),
            figure("/yardstick/wall_seconds/median", time),
            figure("/yardstick/cpu_seconds/median", time),
            figure("/ratio/wall", times),
            figure("/ratio/cpu", times),
        ]);
    }
    table
}

fn charts(jobs: &[(String, Value)]) -> Vec<Chart> {
    let mut walls = Chart::new("Wall time; the yardstick below each job", time);
    let mut peaks = Chart::new("Peak resident memory", size);
    for (name, job) in jobs {
        let bar = |label: String, at: &str| ChartBar {
            label,
            value: number(job, &format!("{at}/median")),
            range: number(job, &format!("{at}/min")).zip(number(job, &format!("{at}/max"))),
        };
        walls.bars.push(bar(name.clone(), "/wall_seconds"));
        walls.bars.push(bar("yardstick".to_owned(), "/yardstick/wall_seconds"));
        let value = number(job, "/peak_bytes");
        peaks.bars.push(ChartBar { label: name.clone(), value, range: None });
    }
    vec![walls, peaks]
}

fn notes(subject: &TransferSubject) -> Vec<String> {
    let mut notes = vec![
        "each run is a process of its own; the file of the repository is in the page cache"
            .to_owned(),
        "an export goes nowhere: every block is rehashed, and the bytes are dropped".to_owned(),
        "a ratio says how many times as long as its yardstick a job took".to_owned(),
        "wall, CPU and written are medians of the runs, peak memory is the most of any".to_owned(),
    ];
    if !subject.is_verified() {
        notes.push(
            "no key was given: the signature is unchecked, and imports mark the account \
             unverified"
                .to_owned(),
        );
    }
    notes
}
