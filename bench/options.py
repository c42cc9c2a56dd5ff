"""The options that all benchmarks share."""

import argparse
from pathlib import Path


def parser_of(doc: str | None, *, rounds: int, smoke: str = "one short round: does it run?") -> argparse.ArgumentParser:
    """With --rounds, --smoke and --out; the rest is the command's own."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--smoke", action="store_true", help=smoke)
    parser.add_argument("--out", type=Path, help="a folder to leave the figures in, as JSON")
    return parser


def numbers(text: str) -> list[int]:
    """Of `1,20,100`.

    Example:
        >>> numbers("1,20")
        [1, 20]
    """
    return [int(part) for part in text.split(",")]
