"""Calls a sensor function: coroutines on the event loop, plain functions in a thread, generators drained there."""

import inspect
from collections.abc import AsyncIterable, Callable, Iterator
from functools import partial
from itertools import islice
from types import CoroutineType
from typing import Any

import anyio
from anyio import CapacityLimiter, from_thread, to_thread

from runbell.core.contexts import RunStatusSensorContext
from runbell.core.requests import RunRequest, SensorResult, SkipReason
from runbell.core.sensors import Sensor
from runbell.engine.calls import Call, Calls
from runbell.engine.deadlines import Deadlines
from runbell.engine.markers import marked
from runbell.resources.opening import Opening

# Nothing in these waits to be drained. Asking the abstract classes instead took 6 % of a worker's time.
PLAIN = frozenset({type(None), RunRequest, SkipReason, SensorResult, list, tuple})


async def call(
    sensor: Sensor,
    context: RunStatusSensorContext,
    given: Call,
    *,
    calls: Calls,
    threads: CapacityLimiter,
    deadlines: Deadlines,
    max_requests: int,
) -> object:
    """What the function returned; what a generator yielded comes as a list.

    Raises:
        TimeoutError: it took longer than the deadlines allow. A thread cannot be stopped: it is left to itself.
        BaseException: whatever the function raised.
    """
    if sensor.resources is not None and (sensor.resources.keys or not sensor.is_async):
        return await _call_with_resources(
            sensor, context, given, calls=calls, threads=threads, deadlines=deadlines, max_requests=max_requests
        )
    if sensor.resources is not None:
        # It asks for none, and what it may look at is there as it is.
        context.open_with(Opening(sensor.resources))
    arguments = (context,) if sensor.takes_context else ()
    before = calls.begin()
    try:
        if sensor.is_async:
            return await marked(given.mark, _on_the_loop(sensor, arguments, max_requests), deadlines)
        plain = partial(_in_a_thread, sensor, arguments, max_requests, given, calls)
        with anyio.fail_after(deadlines.seconds):
            return await to_thread.run_sync(plain, abandon_on_cancel=True, limiter=threads)
    finally:
        calls.end(given, before)


async def _call_with_resources(
    sensor: Sensor,
    context: RunStatusSensorContext,
    given: Call,
    *,
    calls: Calls,
    threads: CapacityLimiter,
    deadlines: Deadlines,
    max_requests: int,
) -> object:
    """As `call`, between set-up and tear-down of the sensor's resources; the time that these take counts."""
    assert sensor.resources is not None  # noqa: S101 - the caller asked
    opening = Opening(sensor.resources)
    context.open_with(opening)
    arguments = (context,) if sensor.takes_context else ()

    in_thread = partial(_as_its_own_call, given, calls, threads)
    before = calls.begin()
    try:
        if sensor.is_async:
            answer = partial(_on_the_loop, sensor, arguments, max_requests)
            return await marked(given.mark, opening.acall(answer, in_thread), deadlines)
        plain = partial(_in_a_thread, sensor, arguments, max_requests, given, calls, opening)
        thread = partial(to_thread.run_sync, plain, abandon_on_cancel=True, limiter=threads)
        if sensor.resources.has_async:
            return await marked(given.mark, opening.acall_around(thread, in_thread), deadlines)
        with anyio.fail_after(deadlines.seconds):
            return await thread()
    finally:
        calls.end(given, before)


async def _as_its_own_call(given: Call, calls: Calls, threads: CapacityLimiter, function: Callable[[], Any]) -> Any:
    """A set-up or tear-down in a thread: one that never ends leaves a thread behind as any function does."""
    own = Call(given.sensor_name, given.evaluation, given.mark)

    def run() -> Any:
        with calls.in_thread(own):
            return function()

    before = calls.begin()
    try:
        return await to_thread.run_sync(run, abandon_on_cancel=True, limiter=threads)
    finally:
        calls.end(own, before)


async def _on_the_loop(sensor: Sensor, arguments: tuple[object, ...], max_requests: int, **resources: Any) -> object:
    returned = sensor.function(*arguments, **resources)
    if type(returned) is CoroutineType or inspect.isawaitable(returned):
        returned = await returned
    if type(returned) in PLAIN:
        return returned
    if isinstance(returned, AsyncIterable):
        return await _drained(returned, max_requests)
    return _listed(returned, max_requests)


def _in_a_thread(
    sensor: Sensor,
    arguments: tuple[object, ...],
    max_requests: int,
    given: Call,
    calls: Calls,
    opening: Opening | None = None,
) -> object:
    def answer(**resources: Any) -> object:
        return _listed(sensor.function(*arguments, **resources), max_requests)

    with calls.in_thread(given):
        return answer() if opening is None else opening.call(answer)


async def _drained(yielded: AsyncIterable[Any], max_requests: int) -> list[Any]:
    found: list[Any] = []
    async for answer in yielded:
        found.append(answer)
        if len(found) > max_requests:
            break
    return found


def _listed(returned: object, max_requests: int) -> object:
    """What an iterator yields as a list, one longer than allowed at most: draining it runs the author's code."""
    if type(returned) in PLAIN:
        return returned
    return list(islice(returned, max_requests + 1)) if isinstance(returned, Iterator) else returned


def wait_in_thread(function: Any, *arguments: Any) -> Any:
    """Runs an async function of ours for a plain sensor function, from its thread."""
    return from_thread.run(function, *arguments)
