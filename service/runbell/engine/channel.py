"""What a supervisor and its workers say to each other: one JSON object a line, over a pair of sockets.

Settings travel here too, never in arguments: everybody on a machine can read those.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec

# Arriving: a stand-by that takes the place of one whose sensors are to be loaded anew; only its supervisor knows.
Role: TypeAlias = Literal["active", "standby", "apart", "arriving"]
Verdicts: TypeAlias = Sequence[tuple[tuple[str, int, int], str]]
# A line holds the counts of every sensor at most.
MOST_BYTES = 64 * 1024 * 1024


class Begin(msgspec.Struct, tag=True, frozen=True):
    """To a worker, first of all. `only`: the sensors that a worker apart holds."""

    settings: Mapping[str, Any]
    role: Role
    only: Sequence[str] = ()
    verdicts: Verdicts = ()
    colors: bool = False


class Promote(msgspec.Struct, tag=True, frozen=True):
    """To a stand-by: be active from now on, in place of these, and leave the sensors that went apart."""

    dead: Sequence[UUID]
    apart: Sequence[str]
    verdicts: Verdicts = ()


class SetApart(msgspec.Struct, tag=True, frozen=True):
    """To an active worker: these sensors go apart, or come back."""

    sensors: Sequence[str]
    apart: bool


class Stop(msgspec.Struct, tag=True, frozen=True):
    """To a worker: drain within so many seconds and end."""

    grace_seconds: float


class Count(msgspec.Struct, tag=True, frozen=True):
    """To a worker: say what you have counted."""


class Ready(msgspec.Struct, tag=True, frozen=True):
    """From a worker: it has deployed its sensors, given in the order in which its marks number them."""

    daemon_id: UUID
    module: str
    sensors: Sequence[str]
    # How long the functions of each may take.
    timeouts: Sequence[float]
    # The ident of its main thread, as its dumps name it.
    thread: int
    # Of the module's other things of Dagster's: what it goes on evaluating, and what nobody evaluates.
    left: Sequence[str] = ()
    unlisted: Sequence[str] = ()
    # Of each sensor, what tells that it has changed.
    prints: Sequence[str] = ()


class Failed(msgspec.Struct, tag=True, frozen=True):
    """From a worker: it cannot go on, for a reason that an operator understands, and ends."""

    code: int
    sentence: str


class Readiness(msgspec.Struct, tag=True, frozen=True):
    """From a worker: its connections are there, or are not."""

    ready: bool


class Promoted(msgspec.Struct, tag=True, frozen=True):
    """From a worker: it is active."""


class Counted(msgspec.Struct, tag=True, frozen=True):
    """From a worker: what it has counted since it began."""

    counts: msgspec.Raw
    evaluations: Mapping[str, int]


class RelieveMe(msgspec.Struct, tag=True, frozen=True):
    """From a worker: it works, but would better be replaced; `sensors` are to blame."""

    reason: str
    sensors: Sequence[str] = ()


class FoundApart(msgspec.Struct, tag=True, frozen=True):
    """From an active worker: these sensors stand apart in the database, and nobody live holds them."""

    sensors: Sequence[str]


class Drained(msgspec.Struct, tag=True, frozen=True):
    """From a worker: all is done, and the process ends."""


ToWorker: TypeAlias = Begin | Promote | SetApart | Stop | Count
FromWorker: TypeAlias = Ready | Failed | Readiness | Promoted | Counted | RelieveMe | FoundApart | Drained
Message: TypeAlias = ToWorker | FromWorker

_encode = msgspec.json.Encoder(enc_hook=str).encode
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


class Channel:
    """One end. Sending never waits; what the other end does not read is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> "Channel":
        """The channel over one of a pair of connected sockets, which it closes."""
        return cls(*await asyncio.open_connection(sock=end, limit=MOST_BYTES))

    def send(self, message: Message) -> None:
        """Say this. Who has gone away hears nothing, and is noticed by the end of `messages`."""
        if not self._writer.is_closing():
            self._writer.write(_encode(message) + b"\n")

    async def messages(self) -> AsyncIterator[Message]:
        """What the other end says, until it closes or dies."""
        while True:
            try:
                line = await self._reader.readline()
            except OSError:
                return
            if not line.endswith(b"\n"):
                return
            yield _decoder.decode(line)

    async def flush(self) -> None:
        """Wait until all has been handed over."""
        with suppress(OSError):
            await self._writer.drain()

    def close(self) -> None:
        """End it, from whatever state."""
        self._writer.close()
