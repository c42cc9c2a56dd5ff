"""Reads the stacks that a blocked or crashed process has dumped: where does it hang?"""

import re
from collections.abc import Mapping

_THREAD = re.compile(
    r"^(?:Current thread|Thread) 0x([0-9a-f]+)[^\n]*\n((?:  File [^\n]*\n?|  \.\.\.\n?)*)", re.MULTILINE
)
_FATAL = re.compile(r"^Fatal Python error: [^\n]*\n\n?Current thread 0x([0-9a-f]+)", re.MULTILINE)
_FRAME = re.compile(r'^  File "(?P<file>.*)", line (?P<line>\d+) in (?P<function>.*)$')
# What called the function says nothing to its author.
_OURS = ("/runbell/engine/", "\\runbell\\engine\\")
MOST_FRAMES = 12


def stacks_of(dump: str) -> Mapping[int, tuple[str, ...]]:
    """The frames of each thread, by its ident, the innermost first; those of the engine and below are left out.

    Example:
        >>> stacks_of('Thread 0x0a (most recent call first):\\n  File "s.py", line 3 in wait\\n')
        {10: ('s.py:3 in wait',)}
    """
    return {int(found[1], 16): _frames(found[2]) for found in _THREAD.finditer(dump)}


def crashed_thread(dump: str) -> int | None:
    """The ident of the thread that a fatal error ended the process in; None: there was none."""
    found = _FATAL.search(dump)
    return None if found is None else int(found[1], 16)


def _frames(text: str) -> tuple[str, ...]:
    frames: list[str] = []
    for line in text.splitlines():
        found = _FRAME.match(line)
        if found is None or any(part in found["file"] for part in _OURS):
            break
        frames.append(f"{found['file']}:{found['line']} in {found['function']}")
    return tuple(frames[:MOST_FRAMES])
