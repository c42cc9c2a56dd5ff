"""Calls a sensor function: coroutines on the event loop, plain functions in a thread, generators drained there."""

import inspect
from collections.abc import AsyncIterable, Iterator
from functools import partial
from itertools import islice
from types import CoroutineType
from typing import Any

import anyio
from anyio import CapacityLimiter, from_thread, to_thread

from runbell.core.requests import RunRequest, SensorResult, SkipReason
from runbell.core.sensors import Sensor
from runbell.engine.calls import Call, Calls
from runbell.engine.deadlines import Deadlines
from runbell.engine.markers import marked

# Nothing in these waits to be drained. Asking the abstract classes instead took 6 % of a worker's time.
PLAIN = frozenset({type(None), RunRequest, SkipReason, SensorResult, list, tuple})


async def call(
    sensor: Sensor,
    context: object,
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


async def _on_the_loop(sensor: Sensor, arguments: tuple[object, ...], max_requests: int) -> object:
    returned = sensor.function(*arguments)
    if type(returned) is CoroutineType or inspect.isawaitable(returned):
        returned = await returned
    if type(returned) in PLAIN:
        return returned
    if isinstance(returned, AsyncIterable):
        return await _drained(returned, max_requests)
    return _listed(returned, max_requests)


def _in_a_thread(sensor: Sensor, arguments: tuple[object, ...], max_requests: int, given: Call, calls: Calls) -> object:
    with calls.in_thread(given):
        return _listed(sensor.function(*arguments), max_requests)


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
