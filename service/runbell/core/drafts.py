"""A run request made ready for the queue: its target found, its keys checked, its JSON encoded."""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any

from runbell.core.documents import NotJsonError, read_tags, write_json, write_text_map
from runbell.core.errors import RunbellError
from runbell.core.events import RunEvent
from runbell.core.requests import RequestDraft
from runbell.core.run_keys import FOREVER, KeyPolicy
from runbell.core.runs import PARTITION_TAG
from runbell.core.selectors import NotAJobError, target_of
from runbell.core.sensors import Sensor
from runbell.core.text import shown, why_unstorable

SENSOR_TAG = "runbell/sensor"
EVENT_TAG = "runbell/event_id"
CHAIN_TAG = "runbell/chain"
# Twice as deep as the longest chains of jobs that people write down; sensors that ask for one another stop soon.
MAX_CHAIN_DEPTH = 20


class Refused(ValueError):  # noqa: N818 - it reads as the sentence that it begins
    """A request that cannot be understood or stored; the text goes on after the sensor's name."""


def own_tags(sensor_name: str, event: RunEvent, max_depth: int = MAX_CHAIN_DEPTH) -> dict[str, str]:
    """The tags that Runbell puts on every run that is requested for this event.

    Raises:
        Refused: so many sensors stand behind the event's run already that no further run may follow from it.
    """
    depth = _depth(event)
    if depth >= max_depth:
        raise Refused(
            f"requested a run after run {event.run_id} of job {event.job_name}, behind which {depth} sensors stand one"
            f" after another: if they go round in circles, filter that out; else raise RUNBELL_MAX_CHAIN_DEPTH"
            f" ({max_depth}) and retry this evaluation"
        )
    return {SENSOR_TAG: sensor_name, EVENT_TAG: str(event.event_id), CHAIN_TAG: str(depth + 1)}


def drafted(sensor: Sensor, own: dict[str, str], request: Any) -> RequestDraft:
    """The request as it goes into the queue.

    Args:
        sensor: who asks; it names the targets.
        own: Runbell's own tags.
        request: a RunRequest, or Dagster's.

    Raises:
        Refused: it cannot be understood or stored.

    Example:
        >>> from runbell.core.requests import RunRequest
        >>> sensor = Sensor(name="chain", function=print, statuses=frozenset({"SUCCESS"}), request_jobs=("report",))
        >>> drafted(sensor, {}, RunRequest(partition_key="2026-01-01")).tags
        '{"dagster/partition":"2026-01-01"}'
    """
    for argument in ("stale_assets_only", "asset_check_keys"):
        if getattr(request, argument, None):
            raise Refused(f"gave RunRequest({argument}={shown(getattr(request, argument))}), which no launcher knows")
    location, job_name = _target(sensor, request.job_name)
    run_key = _key("run_key", request.run_key)
    policy = _policy(sensor, request)
    partition_key = _key("partition_key", request.partition_key)
    tags = _tags(request.tags)
    if partition_key is not None:
        tags.setdefault(PARTITION_TAG, partition_key)
    return RequestDraft(
        job_name=job_name,
        run_key=run_key,
        partition_key=partition_key,
        code_location=location,
        asset_selection=_assets(request.asset_selection),
        run_config=_run_config(request.run_config),
        tags=_json("tags", tags | own, write_text_map),
        key_policy=None if policy.name == FOREVER else policy.name,
        key_seconds=policy.seconds,
    )


def _target(sensor: Sensor, job: object) -> tuple[str | None, str]:
    """Code location and job: the only target, or the one that the request names."""
    targets = sensor.request_jobs
    if job is None and len(targets) == 1:
        return _split(targets[0])
    if not targets:
        raise Refused("requested a run but has no job to request: give it request_job= or request_jobs=")
    if job is None:
        raise Refused(f"requested a run without job_name, and its request_jobs are {', '.join(targets)}: name one")
    named = _named(job)
    for target in targets:
        location, name = _split(target)
        if named in {target, name}:
            return location, name
    raise Refused(f"requested a run of {shown(named)}, which is not among its request_jobs ({', '.join(targets)})")


@lru_cache(maxsize=1000)
def _split(target: str) -> tuple[str | None, str]:
    location, _, name = target.rpartition(":")
    return location or None, name


def _named(job: object) -> str:
    try:
        return target_of(job)
    except NotAJobError as error:
        raise Refused(f"gave RunRequest(job_name={shown(job)}), which {error}") from None


def _policy(sensor: Sensor, request: Any) -> KeyPolicy:
    """That of the request, else of its sensor; Dagster's requests have none."""
    given = getattr(request, "run_key_policy", None)
    if given is None:
        return sensor.run_key_policy
    if not request.run_key:
        raise Refused(f"gave RunRequest(run_key_policy={shown(given)}) without a run_key, which says nothing")
    try:
        return KeyPolicy.read(given)
    except ValueError as error:
        raise Refused(f"gave RunRequest(run_key_policy={shown(given)}), which {error}") from None


def _key(argument: str, key: object) -> str | None:
    """A key as text; an empty one is none, as in Dagster."""
    if isinstance(key, Enum):
        key = key.value
    if key is None or key == "":
        return None
    if not isinstance(key, str):
        raise Refused(f"gave RunRequest({argument}={shown(key)}), which is not text: give str(...) of it")
    if reason := why_unstorable(key):
        raise Refused(f"gave RunRequest({argument}={shown(key)}), which {reason}")
    return key


def _tags(tags: object) -> dict[str, str]:
    """Tags with values as text: what is no text becomes its JSON, as in Dagster."""
    if tags is None:
        return {}
    if not isinstance(tags, Mapping) or not all(isinstance(key, str) for key in tags):
        raise Refused(f"gave RunRequest(tags={shown(tags)}), which is no dict with text as keys")
    return {key: value if type(value) is str else _tag(value) for key, value in tags.items()}


def _tag(value: object) -> str:
    value = value.value if isinstance(value, Enum) else value
    return str(value) if isinstance(value, str) else _json("tags", value)


def _run_config(given: Any) -> str:
    if given is None:
        return "{}"
    config = given.to_config_dict() if hasattr(given, "to_config_dict") else given
    if not isinstance(config, Mapping):
        raise Refused(f"gave RunRequest(run_config={shown(given)}), which is no dict")
    return _json("run_config", dict(config)) if config else "{}"


def _assets(given: object) -> str | None:
    """Asset keys as JSON: a list of paths, each a list of texts."""
    if given is None:
        return None
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise Refused(f"gave RunRequest(asset_selection={shown(given)}), which is no list of asset keys")
    return _json("asset_selection", [_asset(key) for key in given])


def _asset(key: Any) -> list[str]:
    path = [key] if isinstance(key, str) else getattr(key, "path", key)
    if not isinstance(path, list | tuple) or not path or not all(isinstance(part, str) for part in path):
        raise Refused(f"gave RunRequest(asset_selection=...) with {shown(key)} in it, which is no asset key")
    return list(path)


def _json(argument: str, value: Any, write: Callable[[Any], str] = write_json) -> str:
    try:
        return write(value)
    except NotJsonError as error:
        raise Refused(f"gave RunRequest({argument}={shown(value)}), which {error}") from None


def _depth(event: RunEvent) -> int:
    """How many sensors stand behind the event's run; a tag that is no number counts as none."""
    # Most runs come from elsewhere: their tags need not be decoded to see it.
    if CHAIN_TAG not in event.tags:
        return 0
    try:
        depth = read_tags(event.tags, "tags").get(CHAIN_TAG, "0")
    except RunbellError:
        return 0
    return int(depth) if depth.isascii() and depth.isdigit() and len(depth) < 10 else 0
