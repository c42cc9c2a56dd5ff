"""Calls the function of one of Dagster's sensors for one event: with Dagster's own context, run, event and instance.

The sensor itself is called, which is Dagster's public way to have its function evaluated for one run; its resources are
set up before and torn down after, as its daemon does.
"""

import asyncio
import functools
import inspect
import logging
from collections.abc import AsyncIterable, Callable, Iterator
from contextlib import ExitStack
from typing import Any

from dagster import (
    AddDynamicPartitionsRequest,
    DagsterInstance,
    DagsterRun,
    DeleteDynamicPartitionsRequest,
    RepositoryDefinition,
    ResourceDefinition,
    RunStatusSensorContext,
    RunStatusSensorDefinition,
)

from runbell.core.contexts import RunStatusSensorContext as Context
from runbell.core.rehearsal import kept_back
from runbell.core.requests import SensorResult
from runbell.sources.dagster.instance import SHARED
from runbell.sources.dagster.runs import change_of, run_of


class Evaluation:
    """What a converted sensor calls: it takes Runbell's context, and answers with what Dagster's function answered."""

    def __init__(
        self,
        definition: RunStatusSensorDefinition,
        function: Callable[..., Any],
        repository: RepositoryDefinition | None,
        instance: Callable[[], DagsterInstance] = SHARED.get,
    ) -> None:
        self._definition = definition
        self._repository = repository
        self._instance = instance
        self._resources = _resources_of(definition, repository)
        # The author's function stays what tracebacks begin at and what `declared_at` names.
        functools.update_wrapper(self, function)

    def __call__(self, context: Context) -> Any:
        instance = self._instance()
        with ExitStack() as stack:
            native = stack.enter_context(self._context(context, instance))
            returned = _waited_for(self._definition(native))
            if inspect.isgenerator(returned):
                # Its body runs when it is drained, and needs its resources until then.
                return _drained(stack.pop_all(), returned, instance)
            if isinstance(returned, list | tuple) and not hasattr(returned, "_fields"):
                return [_translated(item, instance) for item in returned]
            return _translated(returned, instance)

    def _context(self, context: Context, instance: DagsterInstance) -> RunStatusSensorContext:
        event = context.recorded
        run = run_of(instance, event)
        return RunStatusSensorContext(
            sensor_name=self._definition.name,
            dagster_run=run,
            dagster_event=change_of(instance, event),
            instance=instance,
            resource_defs=self._resources,
            logger=ContextLogger(context.log),
            partition_key=_partition_key(run),
            repository_def=self._repository,
        )


class ContextLogger(logging.Logger):
    """A logger of `logging`, as Dagster's contexts have one, that writes with what `context.log` is here."""

    def __init__(self, log: Any) -> None:
        super().__init__("runbell.sensor")
        self._log_lines = log

    def handle(self, record: logging.LogRecord) -> None:
        level = "debug" if record.levelno < logging.INFO else record.levelname.lower()
        write = getattr(self._log_lines, level, self._log_lines.info)
        write(record.getMessage(), **({"exc_info": record.exc_info} if record.exc_info else {}))


def _partition_key(run: DagsterRun) -> str | None:
    return run.tags.get("dagster/partition")


def _drained(stack: ExitStack, returned: Iterator[Any], instance: DagsterInstance) -> Iterator[Any]:
    with stack:
        for item in returned:
            yield _translated(item, instance)


def _waited_for(returned: Any) -> Any:
    """Of an `async def`, which Dagster's daemon never runs, what it comes to: on a loop of its own, in this thread."""
    if isinstance(returned, AsyncIterable):
        return asyncio.run(_listed(returned))
    return asyncio.run(_awaited(returned)) if inspect.isawaitable(returned) else returned


async def _awaited(returned: Any) -> Any:
    return await returned


async def _listed(returned: AsyncIterable[Any]) -> list[Any]:
    return [item async for item in returned]


def _translated(item: Any, instance: DagsterInstance) -> Any:
    """A part of the answer as Runbell understands it; what a SensorResult asks of the instance is done here."""
    kind = type(item).__name__
    if kind == "DagsterRunReaction":
        return None
    if kind != "SensorResult" or item.cursor is not None:
        return item
    for request in item.dynamic_partitions_requests or ():
        _change_partitions(request, instance)
    for event in item.asset_events or ():
        if not kept_back("Dagster", f"report {type(event).__name__} of {event.asset_key.to_user_string()}"):
            instance.report_runless_asset_event(event)
    return SensorResult(run_requests=item.run_requests, skip_reason=item.skip_reason)


def _change_partitions(
    request: AddDynamicPartitionsRequest | DeleteDynamicPartitionsRequest, instance: DagsterInstance
) -> None:
    name, keys = request.partitions_def_name, request.partition_keys
    adds = isinstance(request, AddDynamicPartitionsRequest)
    if kept_back("Dagster", f"{'add' if adds else 'delete'} partitions of {name}: {', '.join(keys)}"):
        return
    if adds:
        instance.add_dynamic_partitions(name, keys)
        return
    for key in keys:
        instance.delete_dynamic_partition(name, key)


def _resources_of(
    definition: RunStatusSensorDefinition, repository: RepositoryDefinition | None
) -> dict[str, ResourceDefinition]:
    """The resources that the sensor needs, and those that these need, of the repository's."""
    offered = {} if repository is None else repository.get_top_level_resources()
    needed: dict[str, ResourceDefinition] = {}
    wanted = set(definition.required_resource_keys)
    while wanted:
        key = wanted.pop()
        if key in offered and key not in needed:
            needed[key] = offered[key]
            wanted |= offered[key].get_required_resource_keys(offered)
    return needed
