"""What becomes of each way in which a webserver can answer, or not."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import anyio
import pytest

from runbell.core.queue import QueuedRequest
from runbell.launchers.dagster.graphql import Graphql, NoAnswerError
from runbell.launchers.dagster.launched import LaunchedRuns
from runbell.launchers.dagster.target import LaunchFailedError, launched_run
from runbell.launchers.dagster.workspace import Workspace
from runbell.launchers.targets import LaunchRefusedError, NotReadyError, OutcomeUnknownError, TargetAwayError
from support.postgres import free_port


class Webserver:
    """Answers the first requests with what it was given, one after the other; None closes the connection instead."""

    def __init__(self, *answers: "tuple[int, bytes] | None") -> None:
        self._answers = list(answers)
        self.heard: list[bytes] = []

    async def serve(self, stream: anyio.abc.SocketStream) -> None:
        async with stream:
            head = b""
            while b"\r\n\r\n" not in head:
                head += await stream.receive()
            head, _, body = head.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            while len(body) < length:
                body += await stream.receive()
            self.heard.append(head)
            answer = self._answers.pop(0)
            if answer is not None:
                status, said = answer
                await stream.send(
                    b"HTTP/1.1 %d X\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (status, len(said), said)
                )


@asynccontextmanager
async def webserver(*answers: "tuple[int, bytes] | None", **how) -> AsyncIterator[tuple[Webserver, Graphql]]:
    made = Webserver(*answers)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    given = {"headers": {}, "answer_seconds": 5.0, **how}
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, made.serve)
        async with Graphql(f"http://ann:secret@127.0.0.1:{port}/prefix/", **given) as graphql:
            yield made, graphql
        tasks.cancel_scope.cancel()


def data(value: object) -> bytes:
    return json.dumps({"data": {"field": value}}).encode()


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_an_answer_is_one_whatever_its_status(status):
    async with webserver((status, data({"__typename": "PythonError"})), headers={"token": "t"}) as (server, graphql):
        assert await graphql.order("mutation") == {"__typename": "PythonError"}

    (head,) = server.heard
    assert head.startswith(b"POST /prefix/graphql HTTP/1.1\r\n")
    assert b"token: t" in head.lower()
    assert b"authorization: basic" in head.lower()


async def test_errors_of_graphql_are_said():
    said = json.dumps({"data": None, "errors": [{"message": "Cannot query field 'nope'"}]}).encode()
    async with webserver((400, said)) as (_, graphql):
        with pytest.raises(NoAnswerError, match="Cannot query field 'nope'"):
            await graphql.order("mutation")


REQUEST = QueuedRequest(
    request_id=7,
    sensor_name="chain",
    event_id=1,
    target="dagster",
    job_name="etl",
    code_location=None,
    run_key=None,
    partition_key=None,
    asset_selection=None,
    run_config="{}",
    tags="{}",
    attempts=2,
    requested_at="2026-01-01T00:00:00.000000Z",
    age_seconds=0.0,
)
ERRORS = json.dumps({"data": None, "errors": [{"message": "it is confused"}]}).encode()


async def test_a_dagster_that_cannot_say_which_runs_it_has_is_away():
    async with webserver(*[(200, ERRORS)] * 2) as (_, graphql):
        runs = LaunchedRuns(graphql)
        for question in (runs.in_progress, partial(runs.find, REQUEST)):
            with pytest.raises(TargetAwayError, match="which runs it has: it is confused"):
                await question()


@pytest.mark.parametrize("answer", [ERRORS, data({"__typename": "PythonError", "message": "it is confused"})])
@pytest.mark.parametrize("before", [(), ((200, data({"__typename": "RepositoryConnection", "nodes": []})),)])
async def test_a_dagster_that_cannot_say_which_jobs_it_has_is_away(answer, before):
    async with webserver(*before, (200, answer)) as (_, graphql):
        with pytest.raises(TargetAwayError, match="which jobs it has: it is confused"):
            await Workspace(graphql).find("etl", location=None, nearest=None)


@pytest.mark.parametrize("answer", [(401, b"who are you"), (404, b"<html>"), (200, b"<html>"), (302, b"")])
async def test_whoever_turns_it_away_is_not_dagster_and_started_nothing(answer):
    async with webserver(answer, answer) as (_, graphql):
        with pytest.raises(TargetAwayError, match=f"answered {answer[0]}") as found:
            await graphql.order("mutation")
        assert "secret" not in str(found.value)
        with pytest.raises(TargetAwayError):
            await graphql.ask("query")


@pytest.mark.parametrize("answer", [None, (502, b"<html>"), (504, b"")])
async def test_an_order_without_an_answer_is_sent_once_and_may_have_been_carried_out(answer):
    async with webserver(answer) as (server, graphql):
        with pytest.raises(OutcomeUnknownError) as found:
            await graphql.order("mutation")

    assert len(server.heard) == 1
    assert 4.0 < found.value.retry_in <= 5.0


async def test_an_order_that_is_not_answered_in_time_is_under_way_no_more():
    silent = socket.create_server(("127.0.0.1", 0))
    with silent:
        async with Graphql(f"http://127.0.0.1:{silent.getsockname()[1]}", headers={}, answer_seconds=0.2) as graphql:
            with pytest.raises(OutcomeUnknownError, match="ReadTimeout") as found:
                await graphql.order("mutation")
    assert found.value.retry_in == 0.0


async def test_a_question_is_asked_again():
    async with webserver(None, (200, data(1))) as (server, graphql):
        assert await graphql.ask("query") == 1
    assert len(server.heard) == 2


async def test_nobody_at_the_address_started_nothing():
    async with Graphql(f"http://127.0.0.1:{free_port()}", headers={}, answer_seconds=5.0) as graphql:
        for speak in (graphql.order, graphql.ask):
            with pytest.raises(TargetAwayError, match="cannot be reached: ConnectError"):
                await speak("anything")


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (
            {"__typename": "RunConfigValidationInvalid", "errors": [{"message": "one"}, {"message": "two\n"}]},
            LaunchRefusedError,
            "one; two",
        ),
        ({"__typename": "InvalidSubsetError", "message": "no asset"}, LaunchRefusedError, "no asset"),
        ({"__typename": "PythonError", "message": "a bug"}, LaunchFailedError, "a bug"),
        ({"__typename": "UnauthorizedError"}, LaunchFailedError, "UnauthorizedError"),
        (
            {"__typename": "PythonError", "message": "dagster._core.errors.DagsterUserCodeUnreachableError: no"},
            NotReadyError,
            "Unreachable",
        ),
    ],
)
def test_dagsters_answers_mean_that_it_will_not_that_it_cannot_now_or_that_it_failed(answer, error, text):
    with pytest.raises(error, match=text):
        launched_run(answer)
