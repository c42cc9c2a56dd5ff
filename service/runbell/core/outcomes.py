"""What one call of a sensor's function came to: its answer understood, checked and encoded, or the reason why not."""

import traceback
from collections.abc import Iterable, Mapping
from inspect import isawaitable, iscoroutine
from itertools import islice
from types import TracebackType
from typing import Any

from runbell.core.drafts import MAX_CHAIN_DEPTH, Refused, drafted, own_tags
from runbell.core.errors import NotHereError
from runbell.core.events import RunEvent
from runbell.core.requests import Conclusion, RunRequest, SensorResult, SkipReason
from runbell.core.retrying import MISTAKES, conclude_asked
from runbell.core.sensors import Sensor
from runbell.core.text import shown, storable

EMPTY = "the function returned an empty result"


def conclude(
    sensor: Sensor,
    sensor_name: str,
    event: RunEvent,
    returned: object,
    *,
    max_requests: int,
    max_depth: int = MAX_CHAIN_DEPTH,
) -> Conclusion:
    """What the function's return value means for this event. Never raises.

    Args:
        sensor: whose function it was.
        sensor_name: its identity.
        event: what the function was called for.
        returned: what it returned; a generator's results as a list.
        max_requests: more than these are a failure.
        max_depth: no run is requested after one behind which so many sensors stand one after another.

    Example:
        >>> from runbell.testing import made_up_event
        >>> sensor = Sensor(name="greet", function=print, statuses=frozenset({"SUCCESS"}))
        >>> concluded = conclude(sensor, "greet", made_up_event(), SkipReason("enough"), max_requests=1)
        >>> concluded.outcome, concluded.reason
        ('skipped', 'enough')
    """
    try:
        if returned is None or (type(returned) is not RunRequest and _is_reaction(returned)):
            return Conclusion("acted")
        requests, reasons = _parts(returned, max_requests)
        if requests and reasons:
            raise Refused(f"gave {len(requests)} run requests together with a skip reason: give one of the two")
        if requests:
            tags = own_tags(sensor_name, event, max_depth)
            return Conclusion("requested", requests=tuple(drafted(sensor, tags, request) for request in requests))
        return Conclusion("skipped", reason=_reason(reasons))
    except Refused as refused:
        return Conclusion("failed", error=storable(f"sensor {sensor_name!r} {refused}"), final=True)
    except Exception as error:  # noqa: BLE001 - looking at somebody else's object may raise anything
        # A generator that is part of a result runs only now, and may ask for another call as any other.
        asked = conclude_asked(error)
        if asked is not None:
            return asked
        said = f"sensor {sensor_name!r} returned {shown(returned)}, which cannot be read: {_traceback(error, None)}"
        return Conclusion("failed", error=storable(said), final=True)


def conclude_raised(error: BaseException, sensor: Sensor | None = None) -> Conclusion:
    """What an exception means: failed, with its traceback as storable text; of a Retry or a GiveUp, with its reason.

    Args:
        error: what the function raised.
        sensor: whose function it was; the traceback begins there, and tells whether the sensor's own code raised.

    Example:
        >>> conclude_raised(ValueError("no such table")).error.splitlines()[-1]
        'ValueError: no such table'
    """
    asked = conclude_asked(error)
    if asked is not None:
        return asked
    own_file = None if sensor is None else sensor.file
    # What is not here is not there at another try either, whoever's code asked for it, and in which thread.
    mistake = isinstance(error, NotHereError) or (isinstance(error, MISTAKES) and _raised_in(error, own_file))
    return Conclusion("failed", error=storable(_traceback(error, own_file)), mistake=mistake)


def _parts(returned: object, max_requests: int) -> tuple[list[Any], list[object]]:
    """The requests and the skip reasons in it."""
    if type(returned) is RunRequest:
        return [returned], []
    result = _only(returned)
    if _is(result, SensorResult):
        return _parts_of_result(result, max_requests)
    requests: list[Any] = []
    reasons: list[object] = []
    for item in _several(returned, max_requests):
        if _is(item, RunRequest):
            requests.append(item)
        elif _is(item, SkipReason):
            reasons.append(getattr(item, "skip_message", None))
        else:
            what = "" if item is returned else f" with {shown(item)} in it"
            raise Refused(f"returned {shown(returned)}{what}: return None, RunRequests, a SkipReason or a SensorResult")
    if len(requests) > max_requests:
        raise Refused(
            f"requested more than {max_requests} runs for one event:"
            " request fewer, or raise RUNBELL_MAX_REQUESTS_PER_EVALUATION"
        )
    return requests, reasons


def _parts_of_result(result: Any, max_requests: int) -> tuple[list[Any], list[object]]:
    if result.cursor is not None:
        raise Refused(f"gave SensorResult(cursor={shown(result.cursor)}): leave it out, Runbell keeps the cursor")
    for part in ("dynamic_partitions_requests", "asset_events"):
        if getattr(result, part, None):
            raise Refused(
                f"gave SensorResult({part}={shown(getattr(result, part))}): leave it out, it does nothing here"
            )
    requests, reasons = ([], []) if result.run_requests is None else _parts(result.run_requests, max_requests)
    reason = result.skip_reason
    if reason is None or reason == "":
        return requests, reasons
    return requests, [*reasons, getattr(reason, "skip_message", reason)]


def _only(returned: object) -> Any:
    """A generator's only item stands for itself."""
    return returned[0] if isinstance(returned, list | tuple) and len(returned) == 1 else returned


def _several(returned: object, max_requests: int) -> list[object]:
    if iscoroutine(returned):
        returned.close()
    if isinstance(returned, str | bytes | Mapping) or isawaitable(returned) or not isinstance(returned, Iterable):
        return [returned]
    if _is(returned, RunRequest) or _is(returned, SkipReason):
        return [returned]
    return list(islice(returned, max_requests + 1))


def _is(item: object, kind: type) -> bool:
    """Is it one, or Dagster's class of the same name?"""
    return isinstance(item, kind) or any(base.__name__ == kind.__name__ for base in type(item).__mro__)


def _is_reaction(returned: object) -> bool:
    """Is it Dagster's own word for having acted on a run?"""
    return type(_only(returned)).__name__ == "DagsterRunReaction"


def _reason(reasons: list[object]) -> str | None:
    if not reasons:
        return EMPTY
    said = [reason if isinstance(reason, str) else shown(reason) for reason in reasons if reason is not None]
    return storable("; ".join(said)) if said else None


def _frames(trace: TracebackType | None) -> list[TracebackType]:
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    return frames


def _raised_in(error: BaseException, own_file: str | None) -> bool:
    """Does the innermost frame lie in the sensor's own file?"""
    frames = _frames(error.__traceback__)
    return own_file is None or (bool(frames) and frames[-1].tb_frame.f_code.co_filename == own_file)


def _traceback(error: BaseException, own_file: str | None) -> str:
    """The traceback from the sensor's function on: who called it says nothing to its author."""
    frames = _frames(error.__traceback__)
    own = (frame for frame in frames if frame.tb_frame.f_code.co_filename == own_file)
    begin = next(own, error.__traceback__)
    try:
        return "".join(traceback.format_exception(type(error), error, begin)).rstrip("\n")
    except Exception:  # noqa: BLE001 - an exception's attributes are its author's, and may raise
        return f"{type(error).__name__}, whose traceback cannot be shown"
