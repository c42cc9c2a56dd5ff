"""Keeps what was measured: as JSON for plots, and against a stored baseline to see what has moved.

A figure is the values of one case over the rounds. It has moved when neither its median lies within what the other one
spanned, nor the other's within what it spans: more than the rounds of one run differ from each other.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

Values = dict[str, list[float]]
BASELINE = Path(__file__).resolve().parent / "baseline.json"
# Rounds agree to the last digit now and then, for a start time say; less than this is no move.
LEAST = 0.05


class Figures:
    """What one command has measured, by case, such as `latency, 10 events/s, runbell, p50 ms`."""

    def __init__(self, bench: str) -> None:
        self.bench = bench
        self.values: Values = {}

    def add(self, *case: object, values: Sequence[float]) -> None:
        """The values of a case, one a round."""
        self.values[", ".join([self.bench, *map(str, case)])] = list(values)

    def write(self, folder: Path | None) -> None:
        """Into `<bench>.json` of a folder, if there is one; of a case that stands there already, as further rounds."""
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.bench}.json"
        known: Values = json.loads(path.read_text()) if path.exists() else {}
        for case, values in self.values.items():
            known[case] = known.get(case, []) + values
        path.write_text(json.dumps(known) + "\n")


def read_folder(folder: Path) -> Values:
    """All that the commands have left in a folder."""
    found: Values = {}
    for path in sorted(folder.glob("*.json")):
        found |= json.loads(path.read_text())
    return found


def moved(values: Mapping[str, Sequence[float]], baseline: Mapping[str, Sequence[float]]) -> list[str]:
    """One sentence for each figure that lies beyond what it spread over."""
    return [
        f"{case}: {_told(baseline[case])} before, {_told(now)} now"
        for case, now in values.items()
        if case in baseline and _apart(now, baseline[case])
    ]


def _apart(now: Sequence[float], before: Sequence[float]) -> bool:
    middle, former = statistics.median(now), statistics.median(before)
    if abs(middle - former) <= LEAST * max(abs(middle), abs(former)):
        return False
    return not (min(before) <= middle <= max(before) or min(now) <= former <= max(now))


def _told(values: Sequence[float]) -> str:
    return f"{statistics.median(values):,.3g} ({min(values):,.3g} to {max(values):,.3g})"
