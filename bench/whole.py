"""Runs all benchmarks, one after the other; the command is `bench/all`."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import BASELINE, moved, read_folder
from pages import write_page

HERE = Path(__file__).resolve().parent
# Each as it is called for the page; the slow ones are `aged`, `growth` and `daemon`, which are not among them.
COMMANDS = (
    ("latency",),
    ("drain",),
    ("drain", "--kind", "nothing"),
    ("drain", "--kind", "wait", "--events", "10000"),
    ("drain", "--sensors", "20", "--events", "5000"),
    ("drain", "--events", "5000"),
    ("drain", "--events", "500000", "--only", "runbell, log level warning", "--rounds", "1"),
    ("drain", "--events", "1000000", "--only", "runbell, log level warning", "--rounds", "1"),
    ("fanout",),
    ("writers",),
    ("idle",),
    ("idle", "--sensors", "1", "--replicas", "2"),
    ("idle", "--sensors", "100", "--queues"),
    ("start",),
    ("scale",),
    ("fairness",),
    ("peers",),
)
SMOKES = (*("latency", "drain", "fanout", "writers", "idle", "start", "scale", "fairness", "peers", "aged", "growth"),)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/all", description="Runs all benchmarks and writes their page.")
    parser.add_argument("--smoke", action="store_true", help="each for a few seconds: do they run?")
    parser.add_argument("--out", type=Path, help="a folder to leave the figures in; those in it are added to")
    parser.add_argument("--pages", action="store_true", help="only write the page, from the figures in --out")
    parser.add_argument("--keep", action="store_true", help="make these figures the baseline")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = options.out or Path(folder)
        if not options.pages:
            run_all([(name, "--smoke") for name in SMOKES] if options.smoke else COMMANDS, out)
        if not options.smoke:
            _finish(out, keep=options.keep)


def run_all(commands: "tuple[tuple[str, ...], ...] | list[tuple[str, str]]", out: Path) -> None:
    """Each in a process of its own; the first that fails ends it."""
    for name, *arguments in commands:
        command = [sys.executable, str(HERE / f"{name}.py"), *arguments, "--out", str(out)]
        print(f"=== {name} {' '.join(arguments)}", flush=True)
        began = time.monotonic()
        subprocess.run(command, check=True)
        print(f"=== {name}: {time.monotonic() - began:.0f} s\n", flush=True)


def _finish(out: Path, *, keep: bool) -> None:
    values = read_folder(out)
    write_page(values)
    if BASELINE.exists():
        sentences = moved(values, json.loads(BASELINE.read_text()))
        print(f"{len(sentences)} of {len(values)} figures have moved by more than their spread", *sentences, sep="\n  ")
    if keep:
        BASELINE.write_text(json.dumps(values, indent=0, sort_keys=True) + "\n")
