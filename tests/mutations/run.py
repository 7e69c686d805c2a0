#!/usr/bin/env python3
"""Runs the mutations of table.toml: each is a fault put into the sources, and names the test that
must fail of it. README.md says how it works and how to add one.

    run.py                            every mutation, those left out that have a kept result
    run.py --count 8 --seed COMMIT    eight of them, chosen by the seed
    run.py --only NAME[,NAME]         the mutations with these names, or of these areas or files
    run.py --check                    nothing is built: the table itself
"""

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).resolve().with_name("table.toml")
AREAS = (
    "constructors",
    "swaps",
    "durability",
    "proofs",
    "trust",
    "identity",
    "limits",
    "outputs",
    "terminal",
)
FIELDS = {"name", "area", "file", "text", "replacement", "test"}
OPTIONAL = {"cli"}
ENTRIES_MIN = 60
ENTRIES_OF_AN_AREA_MIN = 5

# What a build needs of the crate. Nothing else is copied.
COPIED = ("Cargo.toml", "Cargo.lock", "README.md", "src", "tests", "benches")
LEFT_OUT = ("tests/mutations", "tests/interop", "benches/peers")

# Seconds. A build that begins with nothing compiles the dependencies too.
BUILD_SECONDS_MAX = 900
TEST_SECONDS_MAX = 120

OK, KILLED = "ok", "killed"
# Outcomes that content decides. A test that was too slow may be fast enough next time.
KEPT = (OK, KILLED, "survived", "does not compile", "test not found")


# --- The table -----------------------------------------------------------------------------------


class Mutation:
    def __init__(self, fields):
        self.name = fields["name"]
        self.area = fields["area"]
        self.file = fields["file"]
        self.text = fields["text"]
        self.replacement = fields["replacement"]
        self.test = Test(fields["test"], fields.get("cli", False))

    def apply(self, source):
        return source.replace(self.text, self.replacement)


class Test:
    """A test by its target and its path within it: "it::swap::the_head_has_to_match" of
    tests/it/swap.rs, "lib::car::tests::x" of the crate's own."""

    def __init__(self, name, cli):
        self.name = name
        self.target, _, self.path = name.partition("::")
        # The command line is left out of the build where the test does without it.
        self.cli = cli

    def build_args(self):
        args = [] if self.cli else ["--no-default-features"]
        return args + (["--lib"] if self.target == "lib" else ["--test", self.target])

    def module(self):
        """The module of a target that is a folder: the file of that name in the folder."""
        return self.path.partition("::")[0]

    def source(self):
        """The file below tests/ that holds it: the target's own, or one of its folder."""
        single = f"{self.target}.rs"
        if (ROOT / "tests" / single).is_file():
            return single
        return f"{self.target}/{self.module()}.rs"

    def is_compiled(self):
        """Whether the target has the module that holds it: a file alone is not compiled."""
        main = ROOT / "tests" / self.target / "main.rs"
        if not main.is_file():
            return True
        return f"\nmod {self.module()};\n" in main.read_text()

    def file(self):
        """The file that holds it, if there is one."""
        if self.target != "lib":
            return ROOT / "tests" / self.source()
        parts = self.path.split("::")[:-1]
        while parts:
            stem = ROOT.joinpath("src", *parts)
            for path in (stem.with_suffix(".rs"), stem / "mod.rs"):
                if path.is_file():
                    return path
            parts.pop()
        return ROOT / "src" / "lib.rs"


def read_table():
    """The mutations, and what is wrong with the table."""
    with TABLE.open("rb") as table:
        entries = tomllib.load(table).get("mutation", [])
    mutations, wrong = [], []
    for number, fields in enumerate(entries, 1):
        name = fields.get("name", f"number {number}")
        missing, unknown = FIELDS - fields.keys(), fields.keys() - FIELDS - OPTIONAL
        if missing or unknown:
            wrong.append(f"{name}: fields missing {sorted(missing)}, unknown {sorted(unknown)}")
        else:
            mutations.append(Mutation(fields))
    return mutations, wrong


def check(mutations):
    """What is wrong with the entries, each line naming one."""
    wrong, sources, seen, changes = [], {}, set(), set()
    for it in mutations:
        if it.name in seen:
            wrong.append(f"{it.name}: the name is there twice")
        seen.add(it.name)
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", it.name):
            wrong.append(f"{it.name}: a name is of a-z, 0-9 and hyphens")
        if it.area not in AREAS:
            wrong.append(f"{it.name}: no area {it.area!r}; there are {', '.join(AREAS)}")
        change = (it.file, it.text, it.replacement)
        if change in changes or it.text == it.replacement:
            wrong.append(f"{it.name}: changes nothing, or what another changes already")
        changes.add(change)
        path = ROOT / it.file
        if it.file not in sources:
            sources[it.file] = path.read_text() if path.is_file() else None
        source = sources[it.file]
        if source is None:
            wrong.append(f"{it.name}: there is no file {it.file}")
        elif not it.text or source.count(it.text) != 1:
            found = source.count(it.text) if it.text else "an empty text"
            wrong.append(f"{it.name}: {it.file} has the text {found} times, not once: {it.text!r}")
        holder = it.test.file()
        function = it.test.path.rpartition("::")[2]
        text = holder.read_text() if holder.is_file() else ""
        if not re.search(rf"\bfn {re.escape(function)}\(\)", text):
            wrong.append(f"{it.name}: {holder.relative_to(ROOT)} has no test {function!r}")
        if not it.test.is_compiled():
            wrong.append(f"{it.name}: no module {it.test.module()!r} in {it.test.target}/main.rs")
    if len(mutations) < ENTRIES_MIN:
        wrong.append(f"{len(mutations)} mutations; there have to be {ENTRIES_MIN}")
    for area in AREAS:
        count = sum(it.area == area for it in mutations)
        if count < ENTRIES_OF_AN_AREA_MIN:
            wrong.append(f"{count} of {area}; there have to be {ENTRIES_OF_AN_AREA_MIN}")
    return wrong


def choose(mutations, count, seed):
    """So many of them, by the order of a hash: any seed gives any of them the same chance."""
    rank = lambda it: hashlib.sha256(f"{seed} {it.name}".encode()).digest()
    return sorted(mutations, key=rank)[:count]


# --- The copy of the sources ---------------------------------------------------------------------


def files_of(root):
    """Path below `root` to content, of all that is copied."""
    found = {}
    for top in COPIED:
        path = root / top
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            name = file.relative_to(root).as_posix()
            skipped = any(name == out or name.startswith(out + "/") for out in LEFT_OUT)
            if file.is_file() and not skipped and "node_modules" not in name:
                found[name] = file.read_bytes()
    return found


class Copy:
    """The sources in a folder of their own. Only files whose content differs are written, always
    with the present time: cargo rebuilds what is newer than the last build, and a file that is
    put back with its old time would leave a mutant's build in its place."""

    def __init__(self, folder, files):
        self.folder, self.files = folder, files
        folder.mkdir(parents=True, exist_ok=True)
        there = files_of(folder)
        for name in there.keys() - files.keys():
            (folder / name).unlink()
        for name, content in files.items():
            if there.get(name) != content:
                self.write(name, content)

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def narrow(self, test):
        """Leaves the test's module as the only one of its target, beside what modules share: a
        mutant's build compiles no other."""
        name = f"tests/{test.target}/main.rs"
        if name not in self.files:
            return

        def stays(line):
            module = re.fullmatch(r"mod (\w+);", line)
            is_file = module and f"tests/{test.target}/{module[1]}.rs" in self.files
            return not is_file or module[1] == test.module()

        lines = self.files[name].decode().splitlines(keepends=True)
        content = "".join(line for line in lines if stays(line.rstrip())).encode()
        if (self.folder / name).read_bytes() != content:
            self.write(name, content)

    def mutate(self, mutation):
        source = self.files[mutation.file].decode()
        self.write(mutation.file, mutation.apply(source).encode())

    def restore(self, mutation):
        self.write(mutation.file, self.files[mutation.file])


# --- One test, built and run ---------------------------------------------------------------------


def seed(build, debug):
    """Begins a new build folder with the dependencies that another one has, `cargo test`'s: they
    take longer than all the rest. Everything of the crate itself is left out. What is never
    written in place is linked and not copied."""
    if build.exists() or not (debug / ".fingerprint").is_dir():
        return
    print("--- beginning with the dependencies that are built already", flush=True)
    part = build.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    own = {path.name.rpartition("-")[2] for path in (debug / ".fingerprint").glob("carrack*")}
    is_own = lambda name: name.partition(".")[0].rpartition("-")[2] in own
    skip = lambda folder, names: [name for name in names if is_own(name)]
    (part / "debug" / "deps").mkdir(parents=True)
    for name in (".fingerprint", "build"):
        shutil.copytree(debug / name, part / "debug" / name, ignore=skip)
    for path in (debug / "deps").iterdir():
        if path.is_file() and not is_own(path.name):
            place = part / "debug" / "deps" / path.name
            if path.suffix in (".rlib", ".rmeta", ".so"):
                os.link(path, place)
            else:
                shutil.copy2(path, place)
    part.rename(build)


class Runner:
    def __init__(self, folder, copy):
        self.copy = copy
        # Tests that need the fixtures are ignored where there are none: then none of them is found.
        self.ignored = ["--include-ignored"] if "CARRACK_FIXTURES" in os.environ else []
        self.env = os.environ | {
            "CARGO_TARGET_DIR": str(folder / "build"),
            "CARGO_INCREMENTAL": "1",
            "CARGO_TERM_COLOR": "never",
            "CARGO_TERM_PROGRESS_WHEN": "never",
            "RUST_BACKTRACE": "0",
        }

    def run(self, test, must_build):
        """What becomes of a test in the sources as they are: an outcome, and a line on it."""
        # Debug information that is never read would be a good part of a mutant's build. That of the
        # dependencies stays, so that they are the same as elsewhere.
        profile = ["--config", "profile.dev.package.carrack.debug=0"]
        cargo = ["cargo", "test", "--locked", *profile, *test.build_args()]
        code, out = self.command([*cargo, "--no-run"], BUILD_SECONDS_MAX)
        if code is None:
            return "build timed out", ""
        if code != 0:
            return "does not compile", first_line(out, r"^error.*")
        if must_build and "Compiling carrack " not in out:
            return "was not built", "cargo found nothing to build: the copy is not to be trusted"
        code, out = self.command(
            [*cargo, "--quiet", test.path, "--", "--exact", *self.ignored], TEST_SECONDS_MAX
        )
        return judge(code, out)

    def command(self, args, seconds):
        """Its exit code, `None` if it took too long, and all that it printed."""
        process = subprocess.Popen(
            args,
            cwd=self.copy.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # Its children die with it.
            start_new_session=True,
        )
        try:
            out, _ = process.communicate(timeout=seconds)
            return process.returncode, out.decode(errors="replace")
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            out, _ = process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                return None, out.decode(errors="replace")
            raise


def judge(code, out):
    """What a run of one test has come to. Only a test that says itself that it failed has killed
    its mutant: an abort or a time-out would be seen in CI, and says nothing about the test."""
    if code is None:
        return "timed out", f"after {TEST_SECONDS_MAX} s"
    result = re.search(r"^test result: (\w+)\. (\d+) passed; (\d+) failed", out, re.MULTILINE)
    if not result:
        return "aborted", last_line(out)
    verdict, passed, failed = result[1], int(result[2]), int(result[3])
    if passed + failed != 1:
        return "test not found", f"{passed + failed} tests ran"
    if verdict == "ok" and code == 0:
        return OK, ""
    if verdict == "FAILED" and failed == 1:
        return KILLED, first_line(out, r"panicked at [^\n]*\n[^\n]*|^Error:.*")
    return "aborted", last_line(out)


def first_line(text, pattern):
    found = re.search(pattern, text, re.MULTILINE)
    return found[0].replace("\n", " ")[:200] if found else last_line(text)


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


# --- Results that are kept -----------------------------------------------------------------------


class Results:
    """What was found, by the content that decides it: the toolchain, whether there are fixtures
    (not what is in them), the manifest and the lock file, every source of the crate, the tests' common files and the test's own, and the change.
    All sources, as a check that is gone may be made by another file. What a build leaves out
    counts for nothing: other tests, the command line where it is left out, the documentation."""

    def __init__(self, folder, files):
        self.folder, self.files = folder, files
        folder.mkdir(parents=True, exist_ok=True)
        self.toolchain = subprocess.run(
            ["rustc", "-vV"], check=True, capture_output=True, cwd=ROOT
        ).stdout

    def key(self, test, mutation=None):
        change = (mutation.file, mutation.text, mutation.replacement) if mutation else ()
        digest = hashlib.sha256(self.toolchain)
        has_fixtures = "CARRACK_FIXTURES" in os.environ
        digest.update(json.dumps([test.name, test.cli, has_fixtures, change]).encode())
        for name, content in self.files.items():
            if self.decides(name, test):
                digest.update(f"\n{name} {len(content)}\n".encode())
                digest.update(content)
        return digest.hexdigest()[:32]

    def decides(self, name, test):
        top, _, rest = name.partition("/")
        if top == "tests":
            target, _, inner = rest.partition("/")
            if not inner or f"tests/{target}/main.rs" in self.files:
                # A target: what is compiled of it (`narrow`).
                shared = target == test.target and "/" in inner
                return shared or rest == test.source()
            return True
        if top == "benches":
            return rest.startswith("common/")
        if name == "README.md" or name.startswith("src/manual/"):
            return False
        return test.cli or not name.startswith("src/cli/")

    def get(self, key):
        try:
            return json.loads((self.folder / f"{key}.json").read_text())
        except (OSError, ValueError):
            return None

    def put(self, key, result):
        path = self.folder / f"{key}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(result))
        part.replace(path)


# --- The run -------------------------------------------------------------------------------------


def find_out(runner, results, test, mutation=None):
    """The result for a mutation, or for the test on the unmutated code; kept or new."""
    key = results.key(test, mutation)
    kept = results.get(key)
    if kept:
        return kept | {"kept": True}
    start = time.monotonic()
    try:
        runner.copy.narrow(test)
        if mutation:
            runner.copy.mutate(mutation)
        outcome, line = runner.run(test, must_build=mutation is not None)
    finally:
        if mutation:
            runner.copy.restore(mutation)
    if mutation and outcome == OK:
        outcome, line = "survived", f"{test.name} passes"
    result = {"outcome": outcome, "line": line, "seconds": round(time.monotonic() - start, 1)}
    if outcome in KEPT:
        results.put(key, result)
    return result


def show(what, result, good):
    when = "kept" if result.get("kept") else f"{result['seconds']:.1f} s"
    mark = result["outcome"] if result["outcome"] == good else result["outcome"].upper()
    print(f"{mark:<10} {when:>8}  {what}\n{'':22}{result['line']}".rstrip(), flush=True)


def run(mutations, minutes):
    """Runs them, and gives those that are not as they have to be. After so many minutes none is begun;
    that half of them were run is required all the same."""
    deadline = time.monotonic() + minutes * 60
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
    folder = target / "mutations"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        files = files_of(ROOT)
        seed(folder / "build", target / "debug")
        runner = Runner(folder, Copy(folder / "sources", files))
        results = Results(folder / "results", files)
        bad, passing = [], {}
        # Tests of one target beside each other: fewer builds of the unmutated code.
        tests = {it.test.name: it.test for it in mutations}
        print(f"--- {len(tests)} tests on the unmutated code", flush=True)
        for name in sorted(tests):
            result = find_out(runner, results, tests[name])
            passing[name] = result["outcome"] == OK
            if not passing[name] or not result.get("kept"):
                show(name, result, OK)
            if not passing[name]:
                bad.append(f"{name} on the unmutated code: {result['outcome']}")
        print(f"--- {len(mutations)} mutations", flush=True)
        for done, it in enumerate(mutations):
            if time.monotonic() > deadline:
                print(f"--- the time is over: {done} of {len(mutations)} were run", flush=True)
                if done * 2 < len(mutations):
                    bad.append(f"only {done} of {len(mutations)} were run in {minutes} minutes")
                break
            if passing[it.test.name]:
                result = find_out(runner, results, it.test, it)
                show(f"{it.name} ({it.test.name})", result, KILLED)
                if result["outcome"] != KILLED:
                    bad.append(f"{it.name}: {result['outcome']}")
            else:
                bad.append(f"{it.name}: not run, as its test fails without it")
        return bad


def main():
    form = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--check", action="store_true", help="only check the table")
    parser.add_argument("--only", metavar="NAME", help="names, areas or files, with commas")
    parser.add_argument("--count", type=int, help="how many are run")
    parser.add_argument("--seed", default="", help="what decides which")
    parser.add_argument("--minutes", type=float, default=1e6, help="after these none is begun")
    options = parser.parse_args()

    mutations, wrong = read_table()
    wrong += check(mutations)
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    if options.check:
        counts = ", ".join(f"{sum(it.area == a for it in mutations)} {a}" for a in AREAS)
        print(f"{len(mutations)} mutations, each text found once: {counts}")
        return 0
    if options.only:
        only = set(options.only.split(","))
        unknown = only - {word for it in mutations for word in (it.name, it.area, it.file)}
        if unknown:
            print(f"no mutation, area or file: {', '.join(sorted(unknown))}", file=sys.stderr)
            return 2
        mutations = [it for it in mutations if only & {it.name, it.area, it.file}]
    if options.count is not None:
        mutations = choose(mutations, options.count, options.seed)

    # So that what was begun is ended, and the copy put right.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped before the end"))
    start = time.monotonic()
    bad = run(mutations, options.minutes)
    print(f"--- {len(mutations)} mutations in {time.monotonic() - start:.0f} s", end="")
    print(", all killed" if not bad else ":\n" + "\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
