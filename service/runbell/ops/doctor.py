"""Looks whether everything is as it must be, from the settings to the orchestrator; each finding with its remedy."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Literal

from runbell.core.errors import RunbellError, SchemaBehindError
from runbell.ops import schema
from runbell.ops.loading import load_sensors
from runbell.ops.masking import mask
from runbell.ops.overview import read_overview
from runbell.ops.sentences import exit_code
from runbell.ops.settings import Settings, unknown_variables
from runbell.sources.attached import read_attached
from runbell.sources.attaching import find_faults
from runbell.store.connections import Connection, connect, given_as
from runbell.store.health import DoctorFacts, hears, list_missing_rights, read_doctor_facts
from runbell.store.server import check_places

OLDEST_VERSION = 140_000
# More than this between two clocks is worth knowing; nothing depends on it.
SKEW_SECONDS = 2.0
NAMED = 5

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look has found; `code`: the exit code that a failure stands for."""

    check: str
    state: State
    said: str
    remedy: str | None = None
    code: int = 0


def look_at_settings() -> Iterator[Finding]:
    """The environment, where the settings themselves can be read."""
    unknown = unknown_variables()
    for variable, meant in unknown.items():
        remedy = f"rename it to {meant}" if meant else "remove it"
        yield Finding("settings", "warning", f"{variable} is set and means nothing", remedy)
    if not unknown:
        yield Finding("settings", "ok", "all that are set can be read")


def look_at_sensors(settings: Settings) -> Finding:
    """The sensors module."""
    try:
        loaded = load_sensors(settings.sensors)
    except RunbellError as error:
        return Finding("sensors", "failed", mask(str(error)), "mend the module; `runbell check` looks again", 2)
    return Finding("sensors", "ok", f"{len(loaded.sensors)} in {loaded.module}")


async def look_at_database(settings: Settings) -> AsyncIterator[Finding]:
    """Everything that lies in the database, as far as one gets."""
    try:
        session = await connect(settings.database_url, role="command")
    except RunbellError as error:
        remedy = "set RUNBELL_DATABASE_URL to an address that leads to it, with a role that may log in"
        yield Finding("database", "failed", mask(str(error)), remedy, exit_code(error))
        return
    try:
        facts = await read_doctor_facts(session)
        yield _version(facts)
        yield _clock(facts)
        behind = await _schema(session, facts)
        yield behind
        if behind.state != "failed":
            yield await _listen(settings)
            async for finding in _inside(session, facts):
                yield finding
    finally:
        session.terminate()


async def _inside(session: Connection, facts: DoctorFacts) -> AsyncIterator[Finding]:
    """What a schema that is there, and may be used, has to say."""
    missing = await list_missing_rights(session)
    yield _rights(facts, missing)
    yield _stamp(facts)
    if missing or not facts.stamped:
        return
    yield await _places(session)
    async for finding in _sources(session):
        yield finding
    overview = await read_overview(session)
    for stall in overview.stalls:
        yield Finding("stalls", "warning", stall.sentence, stall.remedy)
    if not overview.stalls:
        yield Finding("stalls", "ok", f"{len(overview.sensors)} sensors, {len(overview.daemons)} processes: all move")


def _version(facts: DoctorFacts) -> Finding:
    if facts.version_number < OLDEST_VERSION:
        return Finding("database", "failed", f"PostgreSQL {facts.version}", "it must be 14 or later: upgrade it", 4)
    if facts.in_recovery:
        said = f"PostgreSQL {facts.version}, a hot standby, which can only be read"
        return Finding("database", "failed", said, "give the primary's address as RUNBELL_DATABASE_URL", 4)
    return Finding("database", "ok", f"PostgreSQL {facts.version}, as role {facts.user_name}")


def _clock(facts: DoctorFacts) -> Finding:
    skew = time.time() - facts.now
    if abs(skew) > SKEW_SECONDS:
        said = f"this machine's clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} the database's"
        return Finding("clock", "warning", said, "keep both in step (NTP): lags and moments are shown wrong, no more")
    return Finding("clock", "ok", "as the database's")


async def _schema(session: Connection, facts: DoctorFacts) -> Finding:
    grant = f"as the schema's owner: runbell migrate --grant-to {facts.user_name}"
    if facts.has_usage is False:
        return Finding("schema", "failed", f"role {facts.user_name} may not use schema runbell", grant, 2)
    try:
        await schema.require_schema(session)
    except SchemaBehindError as error:
        return Finding("schema", "failed", str(error), "runbell migrate", 3)
    except RunbellError as error:
        return Finding("schema", "failed", str(error), grant, 2)
    return Finding("schema", "ok", f"at revision {schema.head_revision()} or later")


def _rights(facts: DoctorFacts, missing: list[str]) -> Finding:
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        said = f"role {facts.user_name} lacks {', '.join(missing[:NAMED])}{more}"
        remedy = f"as the schema's owner: runbell migrate --grant-to {facts.user_name}"
        return Finding("rights", "failed", said, remedy, 2)
    if not facts.sees_others:
        said = f"all that is needed; role {facts.user_name} is not shown what other users' sessions do"
        return Finding(
            "rights", "warning", said, f'stalls are told sooner after GRANT pg_read_all_stats TO "{facts.user_name}"'
        )
    return Finding("rights", "ok", "all that is needed")


def _stamp(facts: DoctorFacts) -> Finding:
    if facts.stamped:
        return Finding("triggers", "ok", "events are stamped with their transactions")
    said = "trigger stamp_run_event of runbell.run_events is missing or not enabled ALWAYS"
    remedy = "as its owner: ALTER TABLE runbell.run_events ENABLE ALWAYS TRIGGER stamp_run_event"
    return Finding("triggers", "failed", said, remedy, 2)


async def _places(session: Connection) -> Finding:
    wrong = await check_places(session)
    if wrong is not None:
        return Finding("places", "warning", wrong, "start `runbell serve`: it says anew what each place has passed")
    return Finding("places", "ok", "mean what they meant when they were written")


async def _listen(settings: Settings) -> Finding:
    variable = "RUNBELL_LISTEN_URL"
    try:
        with given_as(variable if settings.listen_url else None):
            heard = await hears(settings.listen_url or settings.database_url)
    except RunbellError as error:
        remedy = f"set {variable} to an address that leads there"
        return Finding("listen", "failed", mask(str(error)), remedy, exit_code(error))
    if heard:
        return Finding("listen", "ok", "notifications arrive")
    remedy = f"give an address that leads through no pooler as {variable}; without it daemons read every 50 ms"
    return Finding("listen", "warning", "notifications do not arrive", remedy)


async def _sources(session: Connection) -> AsyncIterator[Finding]:
    attached = await read_attached(session)
    if not attached:
        remedy = "`runbell attach` watches an orchestrator's tables; others call runbell.record_run_status"
        yield Finding("sources", "ok", f"none is attached: {remedy}")
    for source in attached:
        faults = await find_faults(session, source.source)
        for fault in faults:
            yield Finding(
                "sources", "failed", f"{source.source}: {fault}", f"runbell attach {source.kind} once more", 2
            )
        if not faults:
            yield Finding("sources", "ok", f"{source.source}: its tables are there, and its triggers enabled")
