"""Reads the arguments of a sensor's declaration; each mistake becomes one sentence that says what to write instead."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from runbell.core.errors import DefinitionError
from runbell.core.filters import JobPattern
from runbell.core.pacing import MOST_PER_MINUTE
from runbell.core.retrying import RetryPolicy, is_wait, unfit
from runbell.core.run_keys import TAKEN_FOREVER, KeyPolicy
from runbell.core.selectors import NotAJobError, is_one_job, pattern_of, target_of
from runbell.core.sensors import DefaultSensorStatus
from runbell.core.text import shown, why_unstorable

Named = TypeVar("Named")


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments given for one sensor. One that is missing or None reads as its default.

    Example:
        >>> Arguments("greet", {"description": 5}).text("description")
        Traceback (most recent call last):
        runbell.core.errors.DefinitionError: sensor 'greet': description=5 is not text: give a string or leave it out
    """

    sensor: str
    given: Mapping[str, Any]

    def wrong(self, argument: str, remedy: str) -> DefinitionError:
        """The sentence: sensor, argument, value, and what to do."""
        return DefinitionError(f"sensor {self.sensor!r}: {argument}={shown(self.given.get(argument))} {remedy}")

    def text(self, argument: str) -> str | None:
        value = self.given.get(argument)
        if value is not None and not isinstance(value, str):
            raise self.wrong(argument, "is not text: give a string or leave it out")
        return value

    def flag(self, argument: str) -> bool:
        value = self.given.get(argument)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(argument, "is neither True nor False: give one of them or leave it out")
        return bool(value)

    def seconds(self, argument: str) -> float | None:
        value = self.given.get(argument)
        if value is not None and not _is_number(value, 0):
            raise self.wrong(argument, "is not a number of seconds: give 0 or more, or leave it out")
        return value

    def mapping(self, argument: str) -> dict[str, Any]:
        value = self.given.get(argument)
        if value is None:
            return {}
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise self.wrong(argument, "is not a dict with text as keys: give one or leave it out")
        return dict(value)

    def keys(self, argument: str) -> frozenset[str]:
        value = self.given.get(argument)
        if value is None:
            return frozenset()
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise self.wrong(argument, 'is not a set of names: give one, such as {"slack"}')
        names = list(value)
        if not all(isinstance(name, str) and name.isidentifier() for name in names):
            raise self.wrong(argument, "has something in it that is no name of an attribute: give names only")
        return frozenset(names)

    def concurrency(self, default: int) -> int:
        value = self.given.get("max_concurrent")
        if value is None:
            return default
        if not isinstance(value, int) or not _is_number(value, 1):
            raise self.wrong("max_concurrent", "is not a whole number from 1: give how many may run at once")
        return value

    def default_status(self) -> DefaultSensorStatus | None:
        value = _value_of(self.given.get("default_status"))
        if value is None:
            return None
        try:
            return DefaultSensorStatus(value)
        except ValueError:
            remedy = "is no DefaultSensorStatus: give DefaultSensorStatus.RUNNING or DefaultSensorStatus.STOPPED"
            raise self.wrong("default_status", remedy) from None

    def retry(self) -> RetryPolicy:
        value = self.given.get("retry")
        if value is None:
            return RetryPolicy()
        if not isinstance(value, RetryPolicy):
            raise self.wrong("retry", f"is no runbell.RetryPolicy: {_meant_policy(value)}")
        if reason := unfit(value):
            raise self.wrong("retry", reason)
        return value

    def run_key_policy(self) -> KeyPolicy:
        value = self.given.get("run_key_policy")
        if value is None:
            return TAKEN_FOREVER
        try:
            return KeyPolicy.read(value)
        except ValueError as error:
            raise self.wrong("run_key_policy", str(error)) from None

    def max_per_minute(self) -> int | None:
        value = self.given.get("max_per_minute")
        if value is not None and not (isinstance(value, int) and _is_number(value, 1) and value <= MOST_PER_MINUTE):
            remedy = f"is not a whole number from 1 to {MOST_PER_MINUTE}: give how many may begin within a minute"
            raise self.wrong("max_per_minute", remedy)
        return value

    def timeout(self) -> float | None:
        value = self.given.get("timeout_seconds")
        if value is not None and not (is_wait(value) and value > 0):
            remedy = "is not a number of seconds above zero: give how long an evaluation may take, or leave it out"
            raise self.wrong("timeout_seconds", remedy)
        return value

    def statuses(self) -> frozenset[str]:
        """One status or several: enum members, their like, or text; an unknown one is kept as text."""
        given = _value_of(self.given.get("run_status"))
        several = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
        if not several:
            raise self.wrong("run_status", "is empty: give at least one status, such as DagsterRunStatus.SUCCESS")
        return frozenset(map(self._status, several))

    def final_failures(self, statuses: frozenset[str]) -> bool:
        wanted = self.flag("only_final_failures")
        if wanted and "FAILURE" not in statuses:
            raise self.wrong("only_final_failures", "says nothing without FAILURE: leave it out, or watch FAILURE too")
        return wanted

    def excluded_jobs(self) -> tuple[JobPattern, ...]:
        """What not to watch; none if left out."""
        return self._each("excluded_jobs", pattern_of, "leave it out to exclude none") or ()

    def jobs(self) -> tuple[JobPattern, ...] | None:
        """What to watch; None is every job."""
        jobs = self._each("monitored_jobs", pattern_of, "leave it out to watch every job")
        if jobs is not None and self.flag("monitor_all_code_locations"):
            raise self.wrong(
                "monitored_jobs",
                "cannot be combined with monitor_all_code_locations=True: give one of the two (a job of another"
                ' code location is "location:job")',
            )
        return jobs

    def targets(self) -> tuple[str, ...]:
        """Where requests may go."""
        if self.given.get("request_job") is not None and self.given.get("request_jobs") is not None:
            raise self.wrong("request_job", "cannot be combined with request_jobs: put all of them into request_jobs")
        targets = self._each("request_jobs", target_of, "leave it out if the sensor requests no runs")
        if targets is not None:
            return targets
        one = self.given.get("request_job")
        return () if one is None else (self._named("request_job", target_of, one),)

    def _each(self, argument: str, name: Callable[[object], Named], if_empty: str) -> tuple[Named, ...] | None:
        value = self.given.get(argument)
        if value is None:
            return None
        if is_one_job(value) or not isinstance(value, Iterable):
            raise self.wrong(argument, "is not a list of jobs: put it into [ ]")
        named = dict.fromkeys(self._named(argument, name, job) for job in value)
        if not named:
            raise self.wrong(argument, f"is empty: {if_empty}")
        return tuple(named)

    def _named(self, argument: str, name: Callable[[object], Named], job: object) -> Named:
        try:
            return name(job)
        except NotAJobError as error:
            raise DefinitionError(f"sensor {self.sensor!r}: {argument}: {shown(job)} {error}") from None

    def _status(self, given: object) -> str:
        status = _value_of(given)
        if not isinstance(status, str) or not status.strip():
            raise self.wrong("run_status", "is no run status: give members of DagsterRunStatus, or statuses as text")
        if reason := why_unstorable(status):
            raise self.wrong("run_status", f"{reason}: give a status")
        return status.upper()


def _value_of(given: object) -> object:
    """Of an enum's member, whoever defined it, its value."""
    return given.value if isinstance(given, Enum) else getattr(given, "value", given)


def _meant_policy(given: object) -> str:
    """What to write in place of something else; of Dagster's RetryPolicy, what means the same."""
    retries = getattr(given, "max_retries", None)
    if not isinstance(retries, int):
        return "give RetryPolicy(attempts=..., backoff_seconds=...)"
    factor = 2 if "EXPONENTIAL" in str(getattr(given, "backoff", None)) else 1
    jitter = 0.25 if getattr(given, "jitter", None) is not None else 0
    seconds = getattr(given, "delay", None) or 0
    return (
        f"write runbell.RetryPolicy(attempts={retries + 1}, backoff_seconds={seconds}, factor={factor},"
        f" jitter={jitter}); attempts count the first call too"
    )


def _is_number(value: object, least: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return least <= value < math.inf
