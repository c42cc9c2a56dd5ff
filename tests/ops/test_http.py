"""Health over HTTP: answered while the database is away, by a server that cannot take the daemon down."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from runbell.core.errors import SettingsError
from runbell.ops import http_server
from runbell.ops.http import Http, bound
from runbell.ops.metrics import Metrics
from runbell.ops.standing import StandingReader
from support.http import fetch
from support.postgres import free_port


class Site:
    """A site whose readiness the test decides."""

    def __init__(self, listening: socket.socket) -> None:
        self.port: int = listening.getsockname()[1]
        self.reason: str | None = None

    def why_not_ready(self) -> str | None:
        return self.reason


@asynccontextmanager
async def answering(url: str) -> AsyncIterator[Site]:
    with bound("127.0.0.1", 0) as listening:
        site = Site(listening)
        http = Http(site.why_not_ready, Metrics(["alert"]), StandingReader(url, ["alert"]))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http.run, listening)
            yield site
            tasks.cancel_scope.cancel()


async def test_it_says_that_it_lives_and_whether_it_is_ready(database_url):
    async with answering(database_url) as site:
        assert [(await fetch(site.port, path)).status for path in ("/healthz", "/readyz")] == [200, 200]

        site.reason = "the database is away"
        unready = await fetch(site.port, "/readyz")

        assert (unready.status, unready.text) == (503, "the database is away\n")
        assert (await fetch(site.port, "/healthz")).status == 200
        assert (await fetch(site.port, "/")).status == 404


async def test_a_scrape_gets_text_that_prometheus_reads(database_url):
    async with answering(database_url) as site:
        answer = await fetch(site.port, "/metrics")

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.samples['runbell_evaluations_total{outcome="failed",sensor="alert"}'] == 0
    assert answer.samples['runbell_requests{state="pending"}'] == 0


async def test_a_scrape_is_answered_without_a_database():
    async with answering(f"postgresql://127.0.0.1:{free_port()}/nothing") as site:
        answer = await fetch(site.port, "/metrics")

    assert answer.status == 200
    assert answer.samples['runbell_evaluations_total{outcome="failed",sensor="alert"}'] == 0
    assert not [name for name in answer.samples if name.startswith("runbell_requests")]


async def test_a_scrape_is_answered_by_a_database_that_never_answers():
    with bound("127.0.0.1", 0) as silent:
        async with answering(f"postgresql://127.0.0.1:{silent.getsockname()[1]}/nothing") as site:
            began = anyio.current_time()
            answer = await fetch(site.port, "/metrics")
            took = anyio.current_time() - began

    assert answer.status == 200
    assert took < 5


async def test_clients_that_connect_and_say_nothing_are_cut(database_url, monkeypatch):
    monkeypatch.setattr(http_server, "CONNECTION_SECONDS", 0.3)
    async with answering(database_url) as site:
        silent = [await anyio.connect_tcp("127.0.0.1", site.port) for _ in range(http_server.CLIENTS + 5)]
        assert (await fetch(site.port, "/healthz")).status == 200
        for client in silent:
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await client.receive()
            await client.aclose()


async def test_a_server_that_fails_is_reported_and_nothing_else(database_url, capsys):
    with bound("127.0.0.1", 0) as listening:
        listening.close()
        http = Http(lambda: None, Metrics([]), StandingReader(database_url, []))

        with anyio.fail_after(5):
            await http.run(listening)

    assert "http_failed" in capsys.readouterr().out


def test_a_taken_port_names_the_setting_and_the_way_out():
    with bound("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"RUNBELL_HTTP_PORT is {port}, .* in use") as caught:
            bound("127.0.0.1", port).__enter__()

    assert "0 takes any free port" in str(caught.value)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "a..b", "x" * 70 + ".org"])
def test_an_address_of_another_machine_names_the_setting(host):
    with pytest.raises(SettingsError, match="RUNBELL_HTTP_HOST is"), bound(host, 0):
        pass
