"""Launches requests in Dagster, each once, although its API would launch the same again as often as it is asked.

Of a claim that is not the first, an earlier launch may have been carried out. None is under way any more then: a claim
lasts longer than Dagster may work on a launch (`answer_seconds`), its holder makes sure of that right before it orders
one, and an outcome that stays unknown is tried again only after that time. So whoever comes later looks for a run with
the request's tags: what there is was launched, and what is not there never will be.
"""

from typing import Any

from runbell.core.errors import RunbellError
from runbell.core.queue import QueuedRequest
from runbell.launchers.claims import Claim
from runbell.launchers.dagster.execution import execution_params, selected_assets, sensor_location
from runbell.launchers.dagster.graphql import Graphql, NoAnswerError
from runbell.launchers.dagster.launched import LaunchedRuns
from runbell.launchers.dagster.partitions import Partitions
from runbell.launchers.dagster.workspace import Job, NoSuchJobError, Workspace
from runbell.launchers.targets import LaunchRefusedError, NotReadyError

LAUNCH = """mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on Error { message }
  }
}"""
# No other try will end differently, as long as nobody changes the code or the request.
REFUSALS = {"RunConfigValidationInvalid", "InvalidSubsetError", "InvalidStepError", "InvalidOutputError"}
# Of the errors that Dagster catches, this one is about the code server: it is away, which is nobody's mistake.
UNREACHABLE = ("DagsterUserCodeUnreachableError", "DagsterUserCodeProcessError")


class LaunchFailedError(RunbellError):
    """Dagster answered with an error; another try may end differently."""


class DagsterTarget:
    """Starts runs in one Dagster."""

    def __init__(self, graphql: Graphql) -> None:
        self._graphql = graphql
        self._workspace = Workspace(graphql)
        self._partitions = Partitions(graphql)
        self._runs = LaunchedRuns(graphql)

    async def launch(self, request: QueuedRequest, claim: Claim) -> str:
        """Have Dagster create and submit the run, unless that was done before; its id."""
        if request.attempts > 1 and (found := await self._runs.find(request)):
            return found
        try:
            params = await self._params(request)
            await claim.confirm(self._graphql.answer_seconds)
            return launched_run(await self._graphql.order(LAUNCH, params=params))
        except (NoAnswerError, LaunchFailedError):
            # It went wrong, perhaps only after the run had been submitted.
            if found := await self._runs.find(request):
                return found
            raise
        except NoSuchJobError as error:
            # What is known of the workspace may be old, or it is just being loaded.
            self._workspace.forget()
            await self._find_job(request)
            raise NotReadyError(f"{error}; but now it is there") from error

    async def in_progress(self) -> int:
        """How many runs of requests Dagster has queued or executes."""
        return await self._runs.in_progress()

    async def _find_job(self, request: QueuedRequest) -> Job:
        return await self._workspace.find(
            request.job_name, location=request.code_location, nearest=sensor_location(request)
        )

    async def _params(self, request: QueuedRequest) -> dict[str, Any]:
        job = await self._find_job(request)
        partition = None
        if request.partition_key is not None:
            partition = await self._partitions.find(job, request.partition_key, selected_assets(request))
        return execution_params(request, job, partition)


def launched_run(answer: dict[str, Any]) -> str:
    """The id of the run that was launched.

    Raises:
        LaunchRefusedError, NoSuchJobError, NotReadyError, LaunchFailedError: Dagster's own words say why there is
            none.

    Example:
        >>> launched_run({"__typename": "LaunchRunSuccess", "run": {"runId": "r1"}})
        'r1'
    """
    kind = answer["__typename"]
    if kind == "LaunchRunSuccess":
        return str(answer["run"]["runId"])
    messages = [error["message"] for error in answer.get("errors", ())] or [answer.get("message") or kind]
    text = "; ".join(message.strip() for message in messages)
    if kind == "PipelineNotFoundError":
        raise NoSuchJobError(text)
    if kind in REFUSALS:
        raise LaunchRefusedError(text)
    if any(name in text for name in UNREACHABLE):
        raise NotReadyError(text)
    raise LaunchFailedError(text)
