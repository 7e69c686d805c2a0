"""The tables: medians, ratios, what is checked, and what went wrong."""
import datetime
import os
import platform
import shutil
import statistics
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from programs import Outcome

# To whom the others are compared, and with what the data roots after commits have to agree.
BASE = "carrack"
OURS = ("carrack", "carrack-in-memory", "floor")

LEGEND = [
    "× is how many times Carrack's figure; * marks an answer that is wrong, see below.",
    "verify goes from the file to every record touched; import from the file to the library's store, open for reads, "
    "with the checks that the library makes then; export from that store to a CAR in memory; a commit creates one record "
    "and is signed.",
    "carrack keeps its store in a file, imports and commits are durable when they return, and each commit is in the event "
    "log; carrack-in-memory is the same on memory. The others' stores are in memory, without a log.",
    "floor is a naive verifier on one thread, with the whole file in memory.",
    "Most memory is the process's high-water mark while the job ran, with what it held before.",
]


@dataclass
class Task:
    """One job on one file, and how every library did."""
    job: str
    records: int
    order: str
    file: Path
    commits: int
    bytes: int = 0
    answers: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)

    def title(self):
        if self.job == "commit":
            return f"{self.commits:,} commits on {self.records:,} records"
        order = f", {self.order}" if self.job in ("verify", "import") else ""
        return f"{self.job} {self.records:,} records{order}"

    def has_failed(self, program):
        return program.name in self.failures

    def note(self, program, end):
        if end.outcome is Outcome.DONE:
            self.answers.setdefault(program.name, []).append(end.answer)
        else:
            self.failures[program.name] = end

    def median(self, name, figure):
        answers = self.answers.get(name)
        return statistics.median(answer[figure] for answer in answers) if answers else None


def page(programs, checks, tasks, notes, asked):
    versions = find_versions(tasks)
    parts = [setting(asked), table_of_checks(checks, versions), table_of_jobs(programs, tasks)]
    found = notes + find_notes(programs, tasks)
    parts.append("\n".join(f"- {note}" for note in [*LEGEND, *found]))
    return "\n\n".join(parts)


def setting(asked):
    today = datetime.date.today()
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    sha = " with SHA-NI" if " sha_ni" in Path("/proc/cpuinfo").read_text() else ""
    rustc = output("rustc", "--version").split(" (")[0]
    node = f", Node {output('node', '--version')}" if shutil.which("node") else ""
    load = os.getloadavg()[2]
    return (f"{today.day} {today:%B %Y}, {os.cpu_count()} cores of {cpu}{sha}, {rustc}{node}; load in the last "
            f"quarter of an hour {load:.1f}. Medians of {asked.reps}; release builds, files in the page cache, a process a run.")


def output(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def find_versions(tasks):
    answers = [(name, answers[0]) for task in tasks for name, answers in task.answers.items()]
    return {name: answer["version"] for name, answer in answers}


def table_of_checks(checks, versions):
    lines = ["| library | version | block hashes | key order | layers | signature |", "|---|---|---|---|---|---|"]
    words = {True: "yes", False: "no", None: "?"}
    for name, refusals in checks.items():
        cells = " | ".join(words[refused] for refused in refusals.values())
        version = "" if name == "floor" else versions.get(name, "")
        lines.append(f"| {name} | {version} | {cells} |")
    return "\n".join(["What `verify` notices, each on a file that is wrong in that respect alone:", "", *lines])


def table_of_jobs(programs, tasks):
    lines = ["| job | library | wall | × | CPU | × | most memory |", "|---|---|--:|--:|--:|--:|--:|"]
    for task in tasks:
        title = task.title()
        for program in programs:
            row = row_of(task, program.name)
            if row:
                mark = " *" if any(find_faults(task, program.name)) else ""
                lines.append(f"| {title} | {program.name}{mark} | {row} |")
                title = ""
    return "\n".join(lines)


def row_of(task, name):
    failure = task.failures.get(name)
    if failure and failure.outcome is Outcome.CANNOT:
        return None
    if failure:
        return f"{failure.reason if failure.outcome is Outcome.TIMEOUT else 'failed'} | | | |"
    cells = []
    for figure in ("wall_s", "cpu_s"):
        seconds, base = task.median(name, figure), task.median(BASE, figure)
        cells += [duration(seconds), ratio(seconds / base) if base else ""]
    return " | ".join([*cells, f"{task.median(name, 'peak_kib') / 1024:.0f} MiB"])


def ratio(times):
    return f"{times:.0f}" if times >= 10 else f"{times:.1f}" if times >= 1 else f"{times:.2f}"


def duration(seconds):
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms" if seconds >= 0.1 else f"{seconds * 1000:.1f} ms"


def find_notes(programs, tasks):
    """What a reader of the tables has to know, each once."""
    notes = []
    for program in programs:
        lacking = {}
        for task in tasks:
            failure = task.failures.get(program.name)
            if failure and failure.outcome is Outcome.CANNOT:
                lacking.setdefault(failure.reason, []).append(task.job)
            elif failure:
                notes.append(f"{program.name}, {task.title()}: {failure.reason}.")
            notes += [f"{program.name}, {task.title()}: {said}." for said in find_faults(task, program.name)]
        notes += [f"{program.name} is not in {', '.join(dict.fromkeys(jobs))}: {reason}." for reason, jobs in lacking.items()
                  if program.name not in OURS]
    return notes


def find_faults(task, name):
    """Where an answer is not what the job asks for."""
    answers = task.answers.get(name)
    if not answers:
        return
    answer, base = answers[0], (task.answers.get(BASE) or [{}])[0]
    expected = task.commits if task.job == "commit" else task.records
    if answer["records"] != expected:
        yield f"{answer['records']:,} of {expected:,} records are there"
    if task.job == "export" and answer["bytes"] != task.bytes:
        yield f"exports {answer['bytes']:,} bytes, the file has {task.bytes:,}"
    if base.get("data", answer.get("data")) != answer.get("data"):
        yield "the tree after the commits is not the one that the protocol says"
