"""How jobs are named, also those of other code locations, and the pattern that each way of naming them stands for."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from runbell.core.errors import DefinitionError
from runbell.core.filters import JobPattern
from runbell.core.text import why_unstorable


@dataclass(frozen=True, slots=True)
class JobSelector:
    """One job of one code location. The order of its arguments is Dagster's; they are best given by name.

    Args:
        location_name: the code location.
        repository_name: accepted as in Dagster; runs are not told apart by it.
        job_name: the job.

    Raises:
        DefinitionError: the job is missing.

    Example:
        >>> JobSelector(location_name="warehouse", job_name="load_orders").job_name
        'load_orders'
    """

    location_name: str
    repository_name: str | None = None
    job_name: str | None = None

    def __post_init__(self) -> None:
        if self.job_name is None:
            raise DefinitionError(f"{self!r}: job_name=None: give job_name='...', or use CodeLocationSelector")


@dataclass(frozen=True, slots=True)
class RepositorySelector:
    """Every job of a repository, which to Runbell is its code location.

    Example:
        >>> RepositorySelector("warehouse", "__repository__").location_name
        'warehouse'
    """

    location_name: str
    repository_name: str


@dataclass(frozen=True, slots=True)
class CodeLocationSelector:
    """Every job of one code location.

    Example:
        >>> CodeLocationSelector("warehouse").location_name
        'warehouse'
    """

    location_name: str


class NotAJobError(ValueError):
    """What was given does not name a job; the text says why, as the end of a sentence."""


def pattern_of(job: object) -> JobPattern:
    """The pattern that a job, name, glob, "location:job" or selector stands for.

    Raises:
        NotAJobError: it stands for none.

    Example:
        >>> pattern_of("warehouse:load_*")
        JobPattern(job_name='load_*', code_location='warehouse')
    """
    if isinstance(job, Enum):
        job = job.value
    if isinstance(job, str):
        return _checked(JobPattern.parse(job))
    location = getattr(job, "location_name", None)
    if isinstance(location, str):
        job_name = getattr(job, "job_name", None)
        return _checked(JobPattern("*" if job_name is None else _literal(job_name), _literal(location)))
    return _checked(JobPattern(_literal(getattr(job, "name", None))))


def target_of(job: object) -> str:
    """The job that a request goes to, as `"job"` or `"location:job"`.

    Raises:
        NotAJobError: it names no single job.

    Example:
        >>> target_of(JobSelector(location_name="warehouse", job_name="load_orders"))
        'warehouse:load_orders'
    """
    pattern = pattern_of(job)
    if not pattern.exact or any(mark in (pattern.code_location or "") for mark in "*?["):
        raise NotAJobError("names no single job, and a request needs one: give the job or its name")
    return pattern.job_name if pattern.code_location is None else f"{pattern.code_location}:{pattern.job_name}"


def is_one_job(given: object) -> bool:
    """Is this a job or a mapping, where a list of jobs belongs?"""
    return isinstance(given, str | bytes | Mapping) or hasattr(given, "name") or hasattr(given, "location_name")


def _literal(name: Any) -> str:
    """A name of an object, in which marks of globs mean themselves."""
    if not isinstance(name, str):
        raise NotAJobError('is not a job: give the job itself, its name, a glob or "location:job"')
    return "".join(f"[{mark}]" if mark in "*?[" else mark for mark in name)


def _checked(pattern: JobPattern) -> JobPattern:
    for part in (pattern.job_name, pattern.code_location):
        if part is None:
            continue
        if not part.strip():
            raise NotAJobError('has an empty name in it: give a job\'s name, a glob or "location:job"')
        if reason := why_unstorable(part):
            raise NotAJobError(f"{reason}: give the name of a job")
    return pattern
