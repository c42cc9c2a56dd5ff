"""The launcher of one Dagster as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import anyio
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus

from runbell.launchers.dagster.graphql import Graphql
from runbell.launchers.dagster.target import DagsterTarget
from runbell.launchers.loop import LaunchLoop
from runbell.launchers.options import LaunchOptions

# What a claim lasts longer than Dagster may work on a launch; within it no launch needs to confirm its claim.
SPARE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dagster:
    """Where Dagster is.

    Attributes:
        url: its webserver's, with the path prefix that it may have.
        headers: sent with every request, such as a token.
        answer_seconds: the longest that it works on one launch. A launch without an answer is never repeated earlier,
            and a launcher that died is not followed by another earlier. Dagster allows its calls of a code server 60 s
            each, and a launch makes up to two.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    answer_seconds: float = 120.0


async def launch_into_dagster(
    database_url: str,
    dagster: Dagster,
    options: LaunchOptions,
    *,
    task_status: TaskStatus[None] = TASK_STATUS_IGNORED,
) -> None:
    """Launch what is requested, until cancelled.

    Raises:
        StoreUnavailableError: the database cannot be reached at the start.
    """
    options = replace(options, hold_seconds=dagster.answer_seconds + SPARE_SECONDS)
    graphql = Graphql(dagster.url, headers=dagster.headers, answer_seconds=dagster.answer_seconds)
    async with graphql, anyio.create_task_group() as tasks:
        await tasks.start(LaunchLoop(database_url, DagsterTarget(graphql), options).run)
        task_status.started()
