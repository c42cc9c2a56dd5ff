"""Runs all benchmarks, one after the other; the command is `bench/all`."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
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
SMOKES = ("scale", "drain", "latency", "fanout", "start", "peers", "fairness", "writers", "aged", "idle", "growth")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/all", description="Runs all benchmarks and writes their page.")
    parser.add_argument("--smoke", action="store_true", help="each for a few seconds: do they run?")
    parser.add_argument("--out", type=Path, help="a folder to leave the figures in; those in it are added to")
    parser.add_argument("--pages", action="store_true", help="only write the page, from the figures in --out")
    parser.add_argument("--keep", action="store_true", help="make these figures the baseline")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = options.out or Path(folder)
        if options.smoke:
            try_all(SMOKES, out)
        elif not options.pages:
            run_all(COMMANDS, out)
        if not options.smoke:
            _finish(out, keep=options.keep)


def run_all(commands: tuple[tuple[str, ...], ...], out: Path) -> None:
    """Each in a process of its own, alone on the machine; the first that fails ends it."""
    for command in commands:
        print(f"=== {' '.join(command)}", flush=True)
        _run(command, out)


def try_all(names: tuple[str, ...], out: Path) -> None:
    """Whether each runs, two at a time since nothing is measured; the first that fails ends it."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        running = {pool.submit(_run, (name, "--smoke"), out, quiet=True): name for name in names}
        try:
            for done in as_completed(running):
                print(f"=== {running[done]}\n{done.result()}", flush=True)
        finally:
            pool.shutdown(cancel_futures=True)


def _run(command: tuple[str, ...], out: Path, *, quiet: bool = False) -> str:
    """What it said, if it is to be quiet meanwhile, and how long it took."""
    name, *arguments = command
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(HERE / f"{name}.py"), *arguments, "--out", str(out)],
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        check=False,
    )
    said = f"{done.stdout or ''}=== {name}: {time.monotonic() - began:.0f} s\n"
    if done.returncode:
        raise SystemExit(f"{said}{name} ended with {done.returncode}")
    if not quiet:
        print(said, flush=True)
    return said


def _finish(out: Path, *, keep: bool) -> None:
    values = read_folder(out)
    write_page(values)
    if BASELINE.exists():
        sentences = moved(values, json.loads(BASELINE.read_text()))
        print(f"{len(sentences)} of {len(values)} figures have moved by more than their spread", *sentences, sep="\n  ")
    if keep:
        BASELINE.write_text(json.dumps(values, indent=0, sort_keys=True) + "\n")
