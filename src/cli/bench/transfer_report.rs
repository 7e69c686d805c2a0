use crate::cli::bench::jobs::transfer::TransferRun;
use crate::cli::bench::measure::figures::{
    Spread, float, rate, shown, size, tally, time, times, whole,
};
use crate::cli::bench::measure::machine::Machine;
use crate::cli::bench::measure::usage::Usage;
use crate::cli::bench::report::report::{BenchReport, Chart, ChartBar, Table};
use crate::cli::bench::transfer_subject::TransferSubject;
use crate::cli::failure::Failure;
use carrack::ident::Did;
use serde::Serialize;

/// The yardsticks.
pub(in crate::cli) const HASH: &str = "sha256";
pub(in crate::cli) const COPY: &str = "sha256 + write + fsync";

/// The runs of one job and of its yardstick.
pub(in crate::cli) struct JobRuns {
    job: &'static str,
    order: Option<&'static str>,
    yardstick: &'static str,
    runs: Vec<TransferRun>,
    beside: Vec<Usage>,
}

impl JobRuns {
    pub(in crate::cli) fn new(
        job: &'static str,
        order: Option<&'static str>,
        yardstick: &'static str,
    ) -> Self {
        Self { job, order, yardstick, runs: Vec::new(), beside: Vec::new() }
    }

    pub(in crate::cli) fn add(&mut self, run: TransferRun, beside: Usage) {
        self.runs.push(run);
        self.beside.push(beside);
    }

    fn figures(&self) -> JobFigures {
        let (records, bytes) = self.runs.first().map_or((0, 0), |run| (run.records, run.bytes));
        let of_runs = |figure: fn(&TransferRun) -> Option<f64>| spread(&self.runs, figure);
        let of_yardstick = |figure: fn(&Usage) -> Option<f64>| spread(&self.beside, figure);
        let wall = of_runs(|run| Some(run.usage.wall_seconds));
        let cpu = of_runs(|run| run.usage.cpu_seconds);
        let peak = of_runs(|run| run.usage.peak_bytes.map(float));
        let written = of_runs(|run| run.usage.written_bytes.map(float));
        let yardstick = YardstickFigures {
            does: self.yardstick,
            wall_seconds: of_yardstick(|usage| Some(usage.wall_seconds)),
            cpu_seconds: of_yardstick(|usage| usage.cpu_seconds),
        };
        let per_second = |of: u64| wall.map(|wall| rate(of, wall.median));
        JobFigures {
            job: self.job,
            order: self.order,
            runs: self.runs.len(),
            records,
            bytes,
            wall_seconds: wall,
            cpu_seconds: cpu,
            records_per_second: per_second(records),
            bytes_per_second: per_second(bytes),
            peak_bytes: peak.map(|peak| whole(peak.max)),
            written_bytes: written.map(|written| whole(written.median)),
            ratio: Ratios {
                wall: ratio(wall, yardstick.wall_seconds),
                cpu: ratio(cpu, yardstick.cpu_seconds),
            },
            yardstick,
            fence_seconds: of_runs(|run| run.fence_seconds),
        }
    }
}

/// Of all runs, or nothing if one does not know it.
fn spread<T>(runs: &[T], figure: fn(&T) -> Option<f64>) -> Option<Spread> {
    Spread::of(runs.iter().map(figure).collect::<Option<Vec<_>>>()?)
}

fn ratio(job: Option<Spread>, yardstick: Option<Spread>) -> Option<f64> {
    let yardstick = yardstick?.median;
    (yardstick > 0.0).then_some(job?.median / yardstick)
}

/// What all runs of a job come to.
#[derive(Serialize)]
struct JobFigures {
    job: &'static str,
    order: Option<&'static str>,
    runs: usize,
    records: u64,
    bytes: u64,
    wall_seconds: Option<Spread>,
    cpu_seconds: Option<Spread>,
    records_per_second: Option<f64>,
    bytes_per_second: Option<f64>,
    peak_bytes: Option<u64>,
    written_bytes: Option<u64>,
    yardstick: YardstickFigures,
    ratio: Ratios,
    #[serde(skip_serializing_if = "Option::is_none")]
    fence_seconds: Option<Spread>,
}

#[derive(Serialize)]
struct YardstickFigures {
    does: &'static str,
    wall_seconds: Option<Spread>,
    cpu_seconds: Option<Spread>,
}

/// How many times as long as its yardstick a job took.
#[derive(Serialize)]
struct Ratios {
    wall: Option<f64>,
    cpu: Option<f64>,
}

impl JobFigures {
    fn name(&self) -> String {
        match self.order {
            None => self.job.to_owned(),
            Some(order) => format!("{}, {order} order", self.job),
        }
    }
}

#[derive(Serialize)]
struct TransferSettings<'a> {
    records: Option<u64>,
    bytes: Option<u64>,
    repository: &'static str,
    did: &'a Did,
    signature: &'static str,
    runs: u32,
}

#[derive(Serialize)]
struct TransferFound {
    jobs: Vec<JobFigures>,
}

pub(in crate::cli) fn report(
    machine: Machine,
    subject: &TransferSubject,
    runs: u32,
    measured: &[JobRuns],
) -> Result<BenchReport, Failure> {
    let found = TransferFound { jobs: measured.iter().map(JobRuns::figures).collect() };
    let jobs = &found.jobs;
    let settings = TransferSettings {
        records: jobs.first().map(|job| job.records),
        bytes: jobs.first().map(|job| job.bytes),
        repository: if subject.generated { "generated" } else { "given" },
        did: &subject.did,
        signature: if subject.is_verified() { "checked" } else { "unchecked" },
        runs,
    };
    let mut report = BenchReport::new("transfer", machine, &settings, &found)?;
    report.tables = vec![jobs_table(jobs), yardstick_table(jobs)];
    report.charts = charts(jobs);
    report.notes = notes(subject);
    Ok(report)
}

fn jobs_table(jobs: &[JobFigures]) -> Table {
    let mut table = Table::new(
        "Jobs",
        &["job", "wall", "min", "max", "CPU", "records/s", "MB/s", "peak memory", "written"],
    );
    for job in jobs {
        let wall = |of: fn(Spread) -> f64| shown(job.wall_seconds.map(of), time);
        table.row([
            job.name(),
            wall(|wall| wall.median),
            wall(|wall| wall.min),
            wall(|wall| wall.max),
            shown(job.cpu_seconds.map(|cpu| cpu.median), time),
            shown(job.records_per_second, tally),
            shown(job.bytes_per_second, |bytes| format!("{:.1}", bytes / 1e6)),
            shown(job.peak_bytes.map(float), size),
            shown(job.written_bytes.map(float), size),
        ]);
    }
    table
}

fn yardstick_table(jobs: &[JobFigures]) -> Table {
    let mut table = Table::new(
        "Beside their yardsticks, on the same bytes",
        &["job", "yardstick", "its wall", "its CPU", "wall ratio", "CPU ratio"],
    );
    for job in jobs {
        let YardstickFigures { does, wall_seconds, cpu_seconds } = &job.yardstick;
        table.row([
            job.name(),
            (*does).to_owned(),
            shown(wall_seconds.map(|wall| wall.median), time),
            shown(cpu_seconds.map(|cpu| cpu.median), time),
            shown(job.ratio.wall, times),
            shown(job.ratio.cpu, times),
        ]);
    }
    table
}

fn charts(jobs: &[JobFigures]) -> Vec<Chart> {
    let mut walls = Chart::new("Wall time; the yardstick below each job", time);
    let mut peaks = Chart::new("Peak resident memory", size);
    for job in jobs {
        let bar = |label: String, wall: Option<Spread>| ChartBar {
            label,
            value: wall.map(|wall| wall.median),
            range: wall.map(|wall| (wall.min, wall.max)),
        };
        walls.bars.push(bar(job.name(), job.wall_seconds));
        walls.bars.push(bar("yardstick".to_owned(), job.yardstick.wall_seconds));
        let value = job.peak_bytes.map(float);
        peaks.bars.push(ChartBar { label: job.name(), value, range: None });
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
