"""Passes on what workers write, line by line and in bulk, so that lines of two processes never mix.

In a thread of its own: whoever reads our output may be slow, and nothing else of the supervisor should wait for that.
"""

import os
import selectors
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

CHUNK = 65_536
# Read again so soon at the earliest: what comes fast is read in few big chunks. Each reading wakes a process; with
# 250 of them a second passing on the lines of 1,000 events took 14 ms of a processor, which answering them lacked.
PAUSE_SECONDS = 0.02
# After so much sooner: where pipes cannot be widened, writers wait for us.
MUCH = 32_768
SHORT_PAUSE_SECONDS = 0.004
# A line so long is passed on in pieces.
LONGEST_LINE = 8 * 1024 * 1024
F_SETPIPE_SZ = 1031
PIPE_BYTES = 1024 * 1024


@dataclass(slots=True)
class _Stream:
    output: int
    rest: bytearray


class Relay:
    """`with Relay() as relay`: everything that was added is passed on until it ends.

    `keep` is given whole lines as they are passed on, in the relay's thread.
    """

    def __init__(self, keep: Callable[[bytes], None] | None = None) -> None:
        self._keep = keep
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = os.pipe()
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)
        self._added: list[tuple[int, int]] = []
        self._closing_at = float("inf")
        self._writing_since = float("inf")
        # What hangs in a write must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="runbell relay", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(0.5)

    def add(self, output: int) -> int:
        """A pipe for a worker to write into: gives its writing end. `output`: where its lines go."""
        reader, writer = os.pipe()
        _widen(writer)
        os.set_blocking(reader, False)
        self._added.append((reader, output))
        self._wake()
        return writer

    def finish(self, seconds: float) -> None:
        """Pass on what is there, wait `seconds` at most for pipes that somebody still holds open, and end."""
        self._closing_at = time.monotonic() + seconds
        self._wake()
        self._thread.join(seconds + 0.5)

    def stuck_seconds(self) -> float:
        """For so long whoever reads our output has not taken what we want to write."""
        return max(time.monotonic() - self._writing_since, 0.0)

    def _wake(self) -> None:
        with suppress(OSError):
            os.write(self._wake_writer, b".")

    def _run(self) -> None:
        while True:
            left = self._closing_at - time.monotonic()
            # Without the pipe that wakes us.
            if left <= 0 or (left != float("inf") and not self._added and len(self._selector.get_map()) == 1):
                break
            taken = sum(self._take(key) for key, _ in self._selector.select(None if left == float("inf") else left))
            time.sleep(SHORT_PAUSE_SECONDS if taken > MUCH else PAUSE_SECONDS)
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                self._pass_on(key.data, all_of_it=True)

    def _take(self, key: selectors.SelectorKey) -> int:
        """Read what is there and pass it on; how many bytes."""
        reader = int(key.fd)
        if key.data is None:
            os.read(reader, CHUNK)
            while self._added:
                descriptor, output = self._added.pop(0)
                self._selector.register(descriptor, selectors.EVENT_READ, _Stream(output, bytearray()))
            return 0
        stream: _Stream = key.data
        before = len(stream.rest)
        for _ in range(PIPE_BYTES // CHUNK):
            try:
                chunk = os.read(reader, CHUNK)
            except BlockingIOError:
                break
            if not chunk:
                self._selector.unregister(reader)
                os.close(reader)
                self._pass_on(stream, all_of_it=True)
                return 0
            stream.rest += chunk
        taken = len(stream.rest) - before
        self._pass_on(stream, all_of_it=len(stream.rest) > LONGEST_LINE)
        return taken

    def _pass_on(self, stream: _Stream, *, all_of_it: bool) -> None:
        end = len(stream.rest) if all_of_it else stream.rest.rfind(b"\n") + 1
        if not end:
            return
        lines = bytes(memoryview(stream.rest)[:end])
        del stream.rest[:end]
        if self._keep is not None:
            self._keep(lines)
        self._writing_since = time.monotonic()
        # A reader that has gone away or a full disk stops nobody.
        with suppress(OSError):
            while lines:
                lines = lines[os.write(stream.output, lines) :]
        self._writing_since = float("inf")


def _widen(pipe: int) -> None:
    """Room for bursts, so that writers need not wait for us; where that is not to be had it goes without."""
    with suppress(ImportError, OSError):
        import fcntl

        fcntl.fcntl(pipe, F_SETPIPE_SZ, PIPE_BYTES)
