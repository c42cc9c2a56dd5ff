"""What a sensor asks of a run beyond its status and job: tags, partition, origin."""

from dataclasses import dataclass
from typing import Any

import msgspec

from runbell.core.events import RunEvent
from runbell.core.globs import matches_any

# Whichever of these tags a run has first says where it comes from; a run with none of them was started by hand.
ORIGIN_TAGS = (
    ("dagster/backfill", "backfill"),
    ("dagster/schedule_name", "schedule"),
    ("dagster/sensor_name", "sensor"),
    ("runbell/sensor", "sensor"),
)
MANUAL = "manual"
ORIGINS = ("backfill", "manual", "schedule", "sensor")

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def tags_of(event: RunEvent) -> dict[str, str]:
    """The run's tags as text; of a value that is no text, its JSON as the database shows it. Unreadable ones are none.

    Example:
        >>> from runbell.testing import made_up_event
        >>> tags_of(made_up_event(tags={"team": "data", "tries": 3}))
        {'team': 'data', 'tries': '3'}
    """
    if event.tags == "{}":
        return {}
    try:
        return {key: _text(bytes(value)) for key, value in _decode(event.tags).items()}
    except (msgspec.MsgspecError, RecursionError):
        return {}


def origin_of(tags: dict[str, str]) -> str:
    """Where a run comes from: backfill, schedule, sensor or manual.

    Example:
        >>> origin_of({"dagster/schedule_name": "nightly"})
        'schedule'
    """
    return next((origin for tag, origin in ORIGIN_TAGS if tag in tags), MANUAL)


@dataclass(frozen=True, slots=True, order=True)
class TagPattern:
    """What is asked of one tag.

    Attributes:
        values: globs of which one must match its value; empty: any value will do.
        present: False asks that the run has no such tag.
    """

    key: str
    values: tuple[str, ...] = ()
    present: bool = True

    def matches(self, tags: dict[str, str]) -> bool:
        value = tags.get(self.key)
        if value is None or not self.present:
            return (value is None) is not self.present
        return not self.values or matches_any(value, self.values)


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What is asked of a run beyond status and job.

    Attributes:
        tags: all of them must hold.
        partitions: globs of which one must match the partition key; empty: any run will do, also one without.
        origins: empty: any.
    """

    tags: tuple[TagPattern, ...] = ()
    partitions: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    def matches(self, event: RunEvent, tags: dict[str, str]) -> bool:
        """Does a run with these tags fit?"""
        key = event.partition_key
        if self.partitions and (key is None or not matches_any(key, self.partitions)):
            return False
        if self.origins and origin_of(tags) not in self.origins:
            return False
        return all(pattern.matches(tags) for pattern in self.tags)

    def to_dict(self) -> dict[str, Any]:
        """The stored form: what is not asked is left out; equal ones have equal forms."""
        form: dict[str, Any] = {}
        if self.tags:
            form["tags"] = [[one.key, sorted(one.values), one.present] for one in sorted(self.tags)]
        if self.partitions:
            form["partitions"] = sorted(self.partitions)
        if self.origins:
            form["origins"] = sorted(self.origins)
        return form


def _text(raw: bytes) -> str:
    return str(msgspec.json.decode(raw)) if raw.startswith(b'"') else raw.decode()
