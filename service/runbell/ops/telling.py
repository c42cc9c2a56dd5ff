"""Looks for what the operator has to be told, tells it to each notifier, and says in the log what came of it.

What was told stands in the database: of several processes one tells it, and a restart tells nothing again.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Protocol, TypeVar
from uuid import UUID, uuid4

import anyio
import anyio.to_thread
import structlog

from runbell.alerts.notifier import Notifier
from runbell.alerts.refusals import NotifyError
from runbell.ops.notifiers import digests_of
from runbell.store import connections
from runbell.store.connections import Session

log = structlog.get_logger()
SEND_SECONDS = 60.0
# Longer than sending may take: nobody else begins meanwhile.
HOLD_SECONDS = 2 * SEND_SECONDS
# After a failure, quadrupling.
FIRST_BACKOFF_SECONDS = 15.0
LONGEST_BACKOFF_SECONDS = 3600.0
# So many sensors stand in one message, each with so much of its newest error.
NAMED = 20
ERROR_CHARACTERS = 300

T = TypeVar("T")


class Claimed(Protocol):
    """What one notifier has to be told of one sensor. `failures`: how often telling it has failed in a row."""

    @property
    def sensor_name(self) -> str: ...
    @property
    def notifier(self) -> str: ...
    @property
    def failures(self) -> int: ...


N = TypeVar("N", bound=Claimed)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one notifier, given by its digest: a title and a body, about these sensors."""

    notifier: str
    title: str
    body: str
    sensor_names: Sequence[str]
    failures: int


class Subject(Protocol):
    """What is told of. It is asked from another thread, never twice at a time."""

    @property
    def read_seconds(self) -> float:
        """How long it may take to claim, or to settle."""

    async def claim(self, session: Session, claim: UUID, notifiers: Sequence[str]) -> list[Letter]:
        """What these notifiers, given by their digests, have to be told now, by this process alone."""

    async def settle(self, session: Session, claim: UUID, notifier: str, *, told: bool, wait_seconds: float) -> None:
        """What was claimed for this notifier has been told; or not, and is tried again after so long."""


class Teller:
    """Looks for what has to be told of one subject, and tells it."""

    def __init__(
        self,
        database_url: str,
        notifiers: Sequence[Notifier],
        subject: Subject,
        *,
        look_seconds: float,
        first_backoff_seconds: float = FIRST_BACKOFF_SECONDS,
    ) -> None:
        self._url = database_url
        self._notifiers = {notifier.digest: notifier for notifier in notifiers}
        self._subject = subject
        self._look_seconds = look_seconds
        self._first_backoff = first_backoff_seconds
        self._failing = False

    async def run(self) -> None:
        """Look for ever. Without the database there is nothing to tell, and nothing else waits for this."""
        while True:
            try:
                await self._look()
                self._failing = False
            # Whatever it is: telling is an extra, and must not end the process that evaluates.
            except Exception as error:  # noqa: BLE001
                if not self._failing:
                    log.warning("notices_not_read", error=str(error) or "the database takes too long")
                self._failing = True
            await anyio.sleep(self._look_seconds)

    async def _look(self) -> None:
        claim = uuid4()
        digests = digests_of(list(self._notifiers.values()))
        letters = await self._ask(partial(self._subject.claim, claim=claim, notifiers=digests))
        waits: dict[str, float | None] = {}
        async with anyio.create_task_group() as tasks:
            for letter in letters:
                tasks.start_soon(self._tell, letter, waits)
        if waits:
            await self._ask(partial(self._settle, claim=claim, waits=waits))

    async def _ask(self, work: Callable[[Session], Awaitable[T]]) -> T:
        # On an event loop and a thread of its own: with a thousand sensors, working out who is in trouble takes longer
        # than anybody should wait here. A thread that is abandoned ends with its own deadline.
        return await anyio.to_thread.run_sync(anyio.run, self._ask_here, work, abandon_on_cancel=True)

    async def _ask_here(self, work: Callable[[Session], Awaitable[T]]) -> T:
        with anyio.fail_after(self._subject.read_seconds):
            session = await connections.connect(self._url, role="notices")
            try:
                return await work(session)
            finally:
                session.terminate()

    async def _tell(self, letter: Letter, waits: dict[str, float | None]) -> None:
        """Send a letter; writes into `waits` None if it was taken, else after how many seconds to try again."""
        notifier = self._notifiers[letter.notifier]
        failed = await _send(notifier, letter)
        names = letter.sensor_names
        facts = {"notifier": notifier.shown, "sensors": list(names[:NAMED]), "count": len(names)}
        if failed is None:
            log.info("notice_sent", **facts)
            waits[letter.notifier] = None
            return
        wait = min(self._first_backoff * 4.0 ** min(letter.failures, 10), LONGEST_BACKOFF_SECONDS)
        log.warning("notice_failed", **facts, error=failed, retry_in=wait)
        waits[letter.notifier] = wait

    async def _settle(self, session: Session, claim: UUID, waits: dict[str, float | None]) -> None:
        for digest, wait in waits.items():
            await self._subject.settle(session, claim, digest, told=wait is None, wait_seconds=wait or 0.0)


async def _send(notifier: Notifier, letter: Letter) -> str | None:
    """Why it was not taken; None: it was."""
    try:
        with anyio.fail_after(SEND_SECONDS):
            await anyio.to_thread.run_sync(notifier.send, letter.title, letter.body, abandon_on_cancel=True)
    except NotifyError as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {SEND_SECONDS:g} s"
    return None


def letters_of(claimed: Sequence[N], message: Callable[[Sequence[N]], tuple[str, str]]) -> list[Letter]:
    """One letter to each notifier, of what was claimed for it; `message` makes the title and the body."""
    letters = []
    for digest, group in groupby(claimed, key=lambda one: one.notifier):
        own = list(group)
        names = sorted({one.sensor_name for one in own})
        letters.append(Letter(digest, *message(own), names, max(one.failures for one in own)))
    return letters
