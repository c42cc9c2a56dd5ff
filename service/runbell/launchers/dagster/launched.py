"""Finds the run that was launched for a request, whoever launched it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from runbell.core.errors import RunbellError
from runbell.core.queue import QueuedRequest
from runbell.launchers.dagster.execution import REQUESTED_AT_TAG, identity
from runbell.launchers.dagster.graphql import Graphql, NoAnswerError
from runbell.launchers.targets import TargetAwayError

RUNS = """query RunsOfRequest($tags: [ExecutionTag!]!) {
  runsOrError(filter: {tags: $tags}, limit: 100) {
    __typename
    ... on Runs { results { runId status parentRunId creationTime } }
    ... on Error { message }
  }
}"""
IN_PROGRESS = """query RunsInProgress($statuses: [RunStatus!]!) {
  runsOrError(filter: {statuses: $statuses}, limit: 10000) {
    __typename
    ... on Runs { results { tags { key } } }
    ... on Error { message }
  }
}"""
DELETE = """mutation DeleteRun($run: String!) {
  deleteRun(runId: $run) { __typename ... on Error { message } }
}"""
# Created, and not handed over to whatever executes runs.
NOT_SUBMITTED = "NOT_STARTED"
NOT_ENDED = ("QUEUED", "STARTING", "STARTED", "CANCELING")

log = structlog.get_logger()


class NotDeletedError(RunbellError):
    """Dagster would not delete a run that was never submitted."""


@dataclass(frozen=True, slots=True)
class Found:
    """The runs of one request. What was executed again from Dagster's UI has its tags too, and is not among them.

    Attributes:
        launched: the ids of those that were submitted, the first first.
        stranded: the ids of those that were created and not submitted.
    """

    launched: tuple[str, ...]
    stranded: tuple[str, ...]


class LaunchedRuns:
    """The runs of requests in one Dagster."""

    def __init__(self, graphql: Graphql) -> None:
        self._graphql = graphql

    async def find(self, request: QueuedRequest) -> str | None:
        """The id of the request's run, if there is one.

        To be asked only when no launch of the request can be under way. A run that was created and not submitted will
        never start then: Dagster has no way to submit it later, so it is deleted, which also stops whoever would.

        Raises:
            TargetAwayError: Dagster does not answer.
            NotDeletedError: such a run cannot be deleted.
        """
        tags = [{"key": key, "value": value} for key, value in identity(request).items()]
        found = sorted_out(await self._read(RUNS, tags=tags))
        for run_id in found.stranded:
            await self._delete(request, run_id)
        if not found.launched:
            return None
        if len(found.launched) > 1:
            log.error("run_doubled", request_id=request.request_id, job_name=request.job_name, run_ids=found.launched)
        log.info("run_found", request_id=request.request_id, job_name=request.job_name, run_id=found.launched[0])
        return found.launched[0]

    async def in_progress(self) -> int:
        """How many runs of requests have not ended.

        Raises:
            TargetAwayError: Dagster does not answer.
        """
        runs = await self._read(IN_PROGRESS, statuses=NOT_ENDED)
        return sum(any(tag["key"] == REQUESTED_AT_TAG for tag in run["tags"]) for run in runs)

    async def _read(self, document: str, **variables: Any) -> Sequence[dict[str, Any]]:
        try:
            answer = await self._graphql.ask(document, **variables)
        except NoAnswerError as error:
            # No fault of the request that is looked for, and nothing that ends: the next question may be answered.
            raise TargetAwayError(f"Dagster cannot say which runs it has: {error}") from error
        if answer["__typename"] != "Runs":
            raise TargetAwayError(f"Dagster cannot say which runs it has: {answer.get('message')}")
        results: Sequence[dict[str, Any]] = answer["results"]
        return results

    async def _delete(self, request: QueuedRequest, run_id: str) -> None:
        answer = await self._graphql.order(DELETE, run=run_id)
        if answer["__typename"] not in {"DeletePipelineRunSuccess", "RunNotFoundError"}:
            raise NotDeletedError(
                f"run {run_id} was created and never submitted, and Dagster would not delete it:"
                f" {answer.get('message') or answer['__typename']}"
            )
        log.warning("stranded_run_deleted", request_id=request.request_id, job_name=request.job_name, run_id=run_id)


def sorted_out(results: Sequence[dict[str, Any]]) -> Found:
    """What Dagster's list of runs means.

    Example:
        >>> sorted_out([
        ...     {"runId": "again", "status": "QUEUED", "parentRunId": "first", "creationTime": 2.0},
        ...     {"runId": "first", "status": "FAILURE", "parentRunId": None, "creationTime": 1.0},
        ... ])
        Found(launched=('first',), stranded=())
    """
    roots = [one for one in results if one["parentRunId"] is None]
    runs = sorted(roots or results, key=lambda one: one["creationTime"])
    launched = tuple(one["runId"] for one in runs if one["status"] != NOT_SUBMITTED)
    return Found(launched, tuple(one["runId"] for one in runs if one["status"] == NOT_SUBMITTED))
