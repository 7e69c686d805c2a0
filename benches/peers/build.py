"""Builds the programs, together if that works and else one by one."""
import json
import shutil
import subprocess
import sys
from pathlib import Path

from programs import Program

HERE = Path(__file__).parent
JS = HERE / "js"

# In the order of the tables: the feature of Cargo.toml, the program, its flags.
PEERS = {
    "carrack": ("carrack", "with-carrack", []),
    "carrack-in-memory": ("carrack", "with-carrack", ["--memory"]),
    "floor": ("floor", "floor", []),
    "repo-stream": ("repo-stream", "with-repo-stream", []),
    "atproto-repo": ("atproto", "with-atproto", []),
    "atrium-repo": ("atrium", "with-atrium", []),
    "jacquard-repo": ("jacquard", "with-jacquard", []),
    "rsky-repo": ("rsky", "with-rsky", []),
    "@atproto/repo": (None, "with_atproto_repo.mjs", []),
}

_built = {}


def everything(names):
    """The programs of these libraries, and a note for each that there is none of."""
    features = {PEERS[name][0] for name in names} - {None} | {"carrack"}
    notes = []
    if cargo(features) is not None:
        for feature in sorted(features):
            failure = cargo({feature})
            if failure is not None:
                notes.append(f"{feature} does not build: {failure}")
    if "generate" not in _built:
        sys.exit("the generator does not build:\n" + "\n".join(notes))
    programs = []
    for name in names:
        feature, program, flags = PEERS[name]
        if feature is None:
            failure = install()
            if failure:
                notes.append(f"{name} was left out: {failure}")
            else:
                programs.append(Program(name, ["node", JS / program]))
        elif program in _built:
            programs.append(Program(name, [_built[program]], flags))
    return programs, notes


def generator():
    return _built["generate"]


def cargo(features):
    """Builds the programs of these features; the first error if that fails."""
    command = ["cargo", "build", "--release", "--locked", "--features", ",".join(sorted(features)),
               "--bins", "--message-format", "json"]
    print("building with " + ", ".join(sorted(features)), file=sys.stderr, flush=True)
    ran = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in ran.stdout.splitlines()]
    for message in messages:
        if message.get("executable"):
            _built[message["target"]["name"]] = message["executable"]
    if ran.returncode == 0:
        return None
    errors = [message["message"]["message"] for message in messages
              if message["reason"] == "compiler-message" and message["message"]["level"] == "error"]
    return errors[0] if errors else "see Cargo's output"


def install():
    """Installs what package-lock.json names; why not, if it cannot be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "there is no Node"
    ran = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=JS, capture_output=True, text=True)
    return "" if ran.returncode == 0 else "npm ci failed: " + (ran.stderr.strip().splitlines() or ["?"])[-1]
