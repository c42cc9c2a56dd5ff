"""Retries and cancels run requests: which of them a command means, asking first, and saying what came of it."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import typer

from runbell.core.errors import SettingsError
from runbell.ops.asking import ask
from runbell.ops.confirming import confirmed
from runbell.store.connections import Session
from runbell.store.requests import (
    FoundRequest,
    cancel_run_requests,
    find_run_requests,
    retry_run_requests,
)

NAMED = 10
AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to requests, and to those of which states it can be done."""

    verb: str
    done: str
    states: Sequence[str]
    change: Callable[[Session, Sequence[int]], Awaitable[list[int]]]


RETRY = Change("retry", "retried", ("failed", "canceled"), retry_run_requests)
CANCEL = Change("cancel", "canceled", ("pending", "claimed"), cancel_run_requests)


@dataclass(frozen=True, slots=True)
class ChosenRequests:
    """What a command was told: ids, or a sensor, or all."""

    request_ids: Sequence[int]
    sensor_name: str | None
    all: bool

    def check(self) -> None:
        """Is it clear what is meant?

        Raises:
            SettingsError: it says nothing, or two things.
        """
        given = [bool(self.request_ids), self.sensor_name is not None, self.all]
        if sum(given) != 1:
            said = "say which" if not any(given) else "say which in one way only"
            raise SettingsError(f"{said}: ids as `runbell requests list` shows them, --sensor NAME, or --all")

    async def find(self, session: Session, change: Change) -> list[FoundRequest]:
        """The requests that are meant.

        Raises:
            SettingsError: an id is none of a request, or of one that this cannot be done to.
        """
        if not self.request_ids:
            found = await find_run_requests(session, states=change.states, sensor_name=self.sensor_name)
            # One that a launcher holds is not meant by a word that means many.
            return [one for one in found if not one.held]
        found = await find_run_requests(session, self.request_ids)
        missing = sorted(set(self.request_ids) - {one.request_id for one in found})
        if missing:
            raise SettingsError(f"there is no request {_named(missing)}")
        for one in found:
            _refuse(one, change)
        return found


def _refuse(one: FoundRequest, change: Change) -> None:
    if one.held and change is CANCEL:
        raise SettingsError(
            f"request {one.request_id} is claimed by {one.claimed_by!r}, which may be starting its run at this moment:"
            " cancel the run in the orchestrator"
        )
    if one.state not in change.states:
        raise SettingsError(
            f"request {one.request_id} is {one.state}: only what is {' or '.join(change.states)} can be {change.done}"
        )


def change_requests(url: str, chosen: ChosenRequests, change: Change, *, yes: bool) -> None:
    """Find what is chosen, ask, and do it; what somebody else was faster with is said and left alone."""
    chosen.check()
    found = ask(url, lambda session: chosen.find(session, change))
    if not found:
        typer.echo(f"no requests that can be {change.done}")
        return
    if not confirmed(f"{change.verb} {_count(found)}", yes=yes):
        return
    ids = [one.request_id for one in found]
    changed = ask(url, lambda session: _change(session, ids, change))
    typer.echo(f"{change.done} {len(changed)}")
    if late := sorted(set(ids) - set(changed)):
        typer.echo(f"no longer {' or '.join(change.states)}, and left alone: {_named(late)}")


async def _change(session: Session, ids: Sequence[int], change: Change) -> list[int]:
    changed: list[int] = []
    for start in range(0, len(ids), AT_ONCE):
        changed += await change.change(session, ids[start : start + AT_ONCE])
    return changed


def _count(found: Sequence[FoundRequest]) -> str:
    by_sensor = Counter(one.sensor_name for one in found).most_common()
    named = ", ".join(f"{name} {count}" for name, count in by_sensor[:NAMED])
    more = f" and {len(by_sensor) - NAMED} other sensors" if len(by_sensor) > NAMED else ""
    return f"{len(found)} request{'s' if len(found) > 1 else ''} ({named}{more})"


def _named(ids: Sequence[int]) -> str:
    more = f" and {len(ids) - NAMED} others" if len(ids) > NAMED else ""
    return ", ".join(map(str, ids[:NAMED])) + more
