"""A library's program, and one run of it."""
import enum
import json
import subprocess
from dataclasses import dataclass, field


@dataclass
class Program:
    name: str
    command: list
    flags: list = field(default_factory=list)


class Outcome(enum.Enum):
    DONE = "done"
    CANNOT = "cannot"
    FAILED = "failed"
    TIMEOUT = "timeout"


@dataclass
class End:
    """How a run ended: with an answer, or with a reason why there is none."""
    outcome: Outcome
    answer: dict = field(default_factory=dict)
    reason: str = ""


# What src/answer.rs exits with if the library has nothing for the job.
EXIT_CANNOT = 3


def ask(program, words, timeout):
    command = [*program.command, *words, *program.flags]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return End(Outcome.TIMEOUT, reason=f"took over {timeout:g} s")
    if ran.returncode == 0:
        return End(Outcome.DONE, answer=json.loads(ran.stdout.splitlines()[-1]))
    reason = reason_of(ran)
    return End(Outcome.CANNOT if ran.returncode == EXIT_CANNOT else Outcome.FAILED, reason=reason)


def reason_of(ran):
    """The line that says most: an error's, or else the first; a signal has none."""
    if ran.returncode < 0:
        return f"was ended by signal {-ran.returncode}"
    lines = [line.strip() for line in ran.stderr.splitlines() if line.strip()]
    spoken = [line for line in lines if "Error:" in line] or lines or [f"exit code {ran.returncode}"]
    return spoken[0][:200]
