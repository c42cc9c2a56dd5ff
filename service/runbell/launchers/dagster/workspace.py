"""Which repository and code location a job is in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runbell.core.errors import RunbellError
from runbell.launchers.dagster.graphql import Graphql, NoAnswerError
from runbell.launchers.targets import LaunchRefusedError, NotReadyError, TargetAwayError

REPOSITORIES = """query Repositories {
  repositoriesOrError {
    __typename
    ... on RepositoryConnection { nodes { name location { name } jobs { name } } }
    ... on Error { message }
  }
}"""
LOCATIONS = """query Locations {
  workspaceOrError {
    __typename
    ... on Workspace {
      locationEntries { name loadStatus locationOrLoadError { __typename ... on PythonError { message } } }
    }
    ... on Error { message }
  }
}"""
# Dagster's own name for a repository that nobody named.
UNNAMED = "__repository__"


class NoSuchJobError(RunbellError):
    """No loaded code location has the job; the next deployment may bring it."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job and where it is."""

    location: str
    repository: str
    name: str


class Workspace:
    """The jobs of all code locations, read when one is not known yet."""

    def __init__(self, graphql: Graphql) -> None:
        self._graphql = graphql
        self._jobs: tuple[Job, ...] = ()

    async def find(self, name: str, *, location: str | None, nearest: str | None) -> Job:
        """The job of this name.

        Args:
            location: where it must be; None: anywhere.
            nearest: of several locations that have one, this is meant.

        Raises:
            NoSuchJobError: there is none.
            LaunchRefusedError: there are several.
            NotReadyError: it may be in a location that Dagster has not loaded.
            TargetAwayError: Dagster does not answer.
        """
        found = chosen(self._jobs, name, location=location, nearest=nearest)
        if not found:
            self._jobs = await self._read()
            found = chosen(self._jobs, name, location=location, nearest=nearest)
        if not found:
            await self._require_whole(location)
            raise NoSuchJobError(f"Dagster has no job {name!r} {f'in {location!r}' if location else 'in any location'}")
        if len(found) > 1:
            places = ", ".join(repr(f"{job.location}:{name}") for job in found)
            raise LaunchRefusedError(
                f"Dagster has several jobs {name!r}: name one, {places}, in the sensor's request_job"
            )
        return found[0]

    def forget(self) -> None:
        """What was read does not hold any more."""
        self._jobs = ()

    async def _read(self) -> tuple[Job, ...]:
        answer = await self._ask(REPOSITORIES, "RepositoryConnection")
        return tuple(
            Job(node["location"]["name"], node["name"], job["name"]) for node in answer["nodes"] for job in node["jobs"]
        )

    async def _require_whole(self, location: str | None) -> None:
        """A job that nobody has seen may be in a location that cannot be loaded, or is being loaded."""
        answer = await self._ask(LOCATIONS, "Workspace")
        for entry in answer["locationEntries"]:
            if location in {None, entry["name"]} and (why := _why_missing(entry)):
                raise NotReadyError(f"Dagster has no code location {entry['name']!r} now: {why}")

    async def _ask(self, document: str, wanted: str) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = await self._graphql.ask(document)
        except NoAnswerError as error:
            raise TargetAwayError(f"Dagster cannot say which jobs it has: {error}") from error
        if answer["__typename"] != wanted:
            raise TargetAwayError(f"Dagster cannot say which jobs it has: {answer.get('message')}")
        return answer


def chosen(jobs: Sequence[Job], name: str, *, location: str | None, nearest: str | None) -> list[Job]:
    """Those of the jobs that may be meant: the nearest, or all that are equally near.

    Example:
        >>> jobs = [Job("a", "__repository__", "etl"), Job("b", "__repository__", "etl"), Job("b", "old", "etl")]
        >>> [job.location for job in chosen(jobs, "etl", location=None, nearest="a")]
        ['a']
        >>> [job.repository for job in chosen(jobs, "etl", location="b", nearest=None)]
        ['__repository__']
    """
    found = [job for job in jobs if job.name == name and location in {None, job.location}]
    found = [job for job in found if job.location == nearest] or found
    return [job for job in found if job.repository == UNNAMED and len({one.location for one in found}) == 1] or found


def _why_missing(entry: dict[str, Any]) -> str | None:
    loaded = entry.get("locationOrLoadError") or {}
    if loaded.get("__typename") == "PythonError":
        return str(loaded.get("message")).strip()
    return None if entry.get("loadStatus") == "LOADED" and loaded else "it is being loaded"
