"""Retries and cancels run requests: which of them a command means, asking first, and saying what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import typer

from runbell.core.errors import SettingsError
from runbell.ops.asking import ask
from runbell.ops.changing import Change, named, require_sensor
from runbell.store.connections import Session
from runbell.store.requests import (
    FoundRequest,
    cancel_run_requests,
    find_run_requests,
    retry_run_requests,
)

RETRY = Change("retry", "retried", "request", "failed or canceled", retry_run_requests)
CANCEL = Change("cancel", "canceled", "request", "pending or claimed", cancel_run_requests)
# What can be done to requests in which states.
STATES = {RETRY: ("failed", "canceled"), CANCEL: ("pending", "claimed")}


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
            SettingsError: an id is none of a request, or of one that this cannot be done to; or there is no such
                sensor.
        """
        await require_sensor(session, self.sensor_name)
        if not self.request_ids:
            found = await find_run_requests(session, states=STATES[change], sensor_name=self.sensor_name)
            # One that a launcher holds is not meant by a word that means many.
            return [one for one in found if not one.held]
        found = await find_run_requests(session, self.request_ids)
        missing = sorted(set(self.request_ids) - {one.request_id for one in found})
        if missing:
            raise SettingsError(f"there is no request {named(missing)}")
        for one in found:
            _refuse(one, change)
        return found


def _refuse(one: FoundRequest, change: Change) -> None:
    if one.held and change is CANCEL:
        raise SettingsError(
            f"request {one.request_id} is claimed by {one.claimed_by!r}, which may be starting its run at this moment:"
            " cancel the run in the orchestrator"
        )
    if one.state not in STATES[change]:
        raise SettingsError(f"request {one.request_id} is {one.state}: only what is {change.only} can be {change.done}")


def change_requests(url: str, chosen: ChosenRequests, change: Change, *, yes: bool) -> None:
    """Find what is chosen, ask, and do it; what somebody else was faster with is said and left alone."""
    chosen.check()
    found = ask(url, lambda session: chosen.find(session, change))
    if not found:
        typer.echo(f"no requests that can be {change.done}")
        return
    change.carry_out(url, {one.request_id: one.sensor_name for one in found}, yes=yes)
