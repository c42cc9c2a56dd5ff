"""Clients of the HTTP port that are slow, many, or talk nonsense: health stays answered, and events too."""

import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress

import anyio
import anyio.to_thread
import pytest

import runbell as dg
from runbell.ops import http_server
from runbell.ops.http import Http, bound
from runbell.ops.metrics import Metrics
from runbell.ops.standing import StandingReader
from support.daemons import record, requested_keys, running, until
from support.http import fetch, get
from support.serving import serving

SLOW = 200


@dg.run_status_sensor(run_status="SUCCESS", request_job="next", name="answer")
def answer(context):
    return dg.RunRequest(run_key=context.dagster_run.run_id)


@asynccontextmanager
async def answering(url: str) -> AsyncIterator[int]:
    with bound("127.0.0.1", 0) as listening:
        http = Http(lambda: None, Metrics(["answer"]), StandingReader(url, ["answer"]))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http.run, listening)
            port = listening.getsockname()[1]
            assert (await fetch(port, "/healthz")).status == 200
            yield port
            tasks.cancel_scope.cancel()


def slow_client(port: int, said: bytes = b"GET /healthz HT") -> socket.socket:
    """Has begun a request, and does not go on."""
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(said)
    return client


def is_cut(client: socket.socket) -> bool:
    client.settimeout(5)
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def said_by_server(port: int, *parts: bytes, wait: float = 5) -> bytes:
    """Everything that the server sends in answer to these bytes, until it closes or has nothing more to say."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as client:
        try:
            for part in parts:
                client.sendall(part)
            # Cut by the server already: what it has answered before is read all the same.
            with suppress(OSError):
                client.shutdown(socket.SHUT_WR)
            while got := client.recv(65536):
                answer += got
        except (ConnectionResetError, BrokenPipeError):
            pass
    return answer


async def test_200_slow_clients_keep_health_from_nobody_and_events_from_no_sensor(database_url, connection):
    async with answering(database_url) as port, running(database_url, answer):
        with ExitStack() as stack:
            oldest = await anyio.to_thread.run_sync(slow_client, port)
            stack.callback(oldest.close)
            for number in range(SLOW):
                client = await anyio.to_thread.run_sync(slow_client, port)
                stack.callback(client.close)
                if number % 20 == 0:
                    assert (await fetch(port, "/healthz")).status == 200
            # It made room for those that came later, long before its time was over.
            assert await anyio.to_thread.run_sync(is_cut, oldest)
            for turn in range(5):
                began = anyio.current_time()
                await record(connection, f"r{turn}")
                await until(lambda: requested_keys(connection), lambda keys, turn=turn: f"r{turn}" in keys)
                assert anyio.current_time() - began < 2
                assert (await fetch(port, "/healthz")).status == 200
                assert (await fetch(port, "/metrics")).status == 200


async def test_slow_clients_are_cut_whatever_they_drip(database_url, monkeypatch):
    monkeypatch.setattr(http_server, "CONNECTION_SECONDS", 0.5)
    async with answering(database_url) as port:

        def drip() -> bool:
            with slow_client(port, b"GET /healthz HTTP/1.1\r\nhost: x\r\n") as client:
                client.settimeout(0.02)
                for number in range(1000):
                    try:
                        client.sendall(b"x-%d: y\r\n" % number)
                        if client.recv(100) == b"":
                            return True
                    except TimeoutError:
                        continue
                    except OSError:
                        return True
            return False

        assert await anyio.to_thread.run_sync(drip)


# More than is read at once.
HUGE = b"x" * 1_000_000
REQUESTS = {
    "a long line": (b"GET /" + HUGE + b" HTTP/1.1\r\nhost: x\r\n\r\n", b"400"),
    "a long header": (b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: " + HUGE + b"\r\n\r\n", b"400"),
    "many headers": (b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 200_000 + b"\r\n", b"400"),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\r\n\r\n", b"400"),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", b"400"),
    "two lengths": (b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", b"400"),
    "a negative length": (b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", b"400"),
    "length and chunks": (
        b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"405",
    ),
    "a bad chunk": (b"POST /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", b"400"),
    "a big body": (b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\n" + HUGE * 5, b"405"),
    "HEAD": (b"HEAD /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"200"),
    "POST": (b"POST /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"405"),
    "DELETE": (b"DELETE / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"404"),
    "a method of its own": (b"BREW /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"405"),
    "HTTP/1.0": (b"GET /healthz HTTP/1.0\r\n\r\n", b"200"),
    "an upgrade": (
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        b"200",
    ),
    "a path up": (b"GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"404"),
    "an encoded path": (b"GET /%2e%2e%2f%ff%00 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"404"),
    "a pipeline": (b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" * 500, b"200"),
    "nothing": (b"", b""),
}


async def test_nonsense_is_answered_or_cut_and_reported_nowhere(database_url, capfd, caplog):
    async with answering(database_url) as port:
        for name, (given, status) in REQUESTS.items():
            answered = await anyio.to_thread.run_sync(said_by_server, port, given)

            line = answered.split(b"\r\n")[0]
            # A client that is still talking when it is refused may see its connection reset in place of the answer.
            assert status in line or (not answered and len(given) > 60_000), (name, line)
            assert b"Traceback" not in answered
            assert (await fetch(port, "/healthz")).status == 200, name
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    # What the server logs is caught before it gets there.
    assert [record.getMessage() for record in caplog.records] == []


async def test_a_request_that_breaks_after_its_answer_is_cut_and_reported_nowhere(database_url, caplog):
    begun = b"POST /healthz HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"

    def break_off(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(begun)
            answered = client.recv(65536)
            client.sendall(b"zz\r\n")
            while got := client.recv(65536):
                answered += got
        return answered

    async with answering(database_url) as port:
        answered = await anyio.to_thread.run_sync(break_off, port)

    assert answered.startswith(b"HTTP/1.1 405 ")
    assert answered.count(b"HTTP/1.1") == 1
    assert [record.getMessage() for record in caplog.records] == []


async def test_an_answer_tells_nothing_of_what_answers(database_url):
    async with answering(database_url) as port:
        for path in ("/healthz", "/nothing"):
            names = {name.lower() for name in (await fetch(port, path)).headers}

            assert names <= {"content-type", "content-length", "cache-control", "connection"}


def test_it_is_answered_on_this_machine_only_unless_told_otherwise(database_url, tmp_path):
    with serving(tmp_path, database_url, RUNBELL_HTTP_PORT="0") as served:
        port = served.until("daemon_started")["http_port"]

        assert get(port, "/healthz").status == 200
        with pytest.raises(OSError):  # noqa: PT012 - whichever of the two refuses
            socket.create_connection((socket.gethostbyname(socket.gethostname()), port), timeout=2).close()
            if socket.gethostbyname(socket.gethostname()).startswith("127."):
                raise OSError("this machine's name leads to itself only")
        assert served.end() == 0
