"""Runs the code of today over recorded events, for commands: finds the sensor, evaluates, adds up."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass

import structlog

from runbell.core.backtests import Rehearsed, Tally
from runbell.core.errors import SettingsError
from runbell.core.sensors import Sensor
from runbell.engine.evaluator import Limits
from runbell.engine.rehearsing import Rehearsing, reading_only
from runbell.ops import logs, schema
from runbell.ops.loading import load_sensors
from runbell.ops.settings import Settings
from runbell.store.connections import Pool
from runbell.store.recorded import History, list_recorded_requests


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sensor that a command names, as the code of today has it."""

    sensor: Sensor
    sensor_name: str
    settings: Settings

    @classmethod
    def load(cls, name: str, settings: Settings) -> "Chosen":
        """Load the module and find the sensor by its identity, or by the name that the code gives it.

        Raises:
            LoadingError: the module cannot be used.
            SettingsError: it has no such sensor.
        """
        loaded = load_sensors(settings.sensors)
        for sensor in loaded.sensors:
            identity = sensor.identity(settings.code_location)
            if name in {sensor.name, identity}:
                return cls(sensor, identity, settings)
        there = ", ".join(sorted(sensor.name for sensor in loaded.sensors))
        raise SettingsError(f"there is no sensor {name!r} in {loaded.module}: there are {there}")

    def rehearsing(self, pool: Pool) -> Rehearsing:
        """What calls it for recorded events."""
        wanted = self.sensor.filter(self.settings.code_location)
        limits = Limits(
            timeout_seconds=self.settings.sensor_timeout_seconds,
            max_requests=self.settings.max_requests_per_evaluation,
            max_chain_depth=self.settings.max_chain_depth,
        )
        return Rehearsing(
            self.sensor, self.sensor_name, pool, limits, lambda event: wanted.matches(event, self.sensor_name)
        )


async def backtest(chosen: Chosen, history: History, most: int) -> Tally:
    """Call it for all of that history, and compare with what was requested then."""
    tally = Tally(most)
    async with reading_only(chosen.settings.database_url) as pool:
        await schema.require_schema(pool)
        async for page in chosen.rehearsing(pool).pages(history):
            ids = [found.event.event_id for found in page]
            recorded = await list_recorded_requests(pool, chosen.sensor_name, ids)
            for found in page:
                tally.add(found, recorded.get(found.event.event_id, ()))
    return tally


async def preview(chosen: Chosen, run_id: str) -> list[Rehearsed]:
    """Call it for what is recorded of one run."""
    async with reading_only(chosen.settings.database_url) as pool:
        await schema.require_schema(pool)
        return [found async for page in chosen.rehearsing(pool).pages(History(run_id=run_id)) for found in page]


@contextmanager
def beside_the_answer(settings: Settings) -> Iterator[None]:
    """What functions log and print in the body goes to stderr: stdout is for what the command answers."""
    before = structlog.get_config()
    logs.configure(settings.log_format, settings.log_level, sys.stderr.fileno())
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        structlog.configure(**before)
