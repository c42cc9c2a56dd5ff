# ruff: noqa: E501, ISC004 - tables of values are read best as they are
"""Arbitrary settings, modules, return values and HTTP bytes: each is answered or refused in a sentence."""

import random
import socket
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import anyio.to_thread
import pytest

import runbell as dg
from runbell.core.errors import SettingsError
from runbell.ops.settings import Settings, read_settings
from runbell.testing import evaluate
from support.daemons import evaluations, record, requested_keys, running, until
from support.house import ROOT
from support.http import get
from support.nasty import ROUNDS, TEXTS, Nasty, must
from support.processes import environment, runbell
from support.serving import serving

pytestmark = pytest.mark.timeout(120 + 300 * ROUNDS)

VALUES = [
    *TEXTS, "8080", "65536", "-0", "1e3", "0x10", "١٢", "postgresql://", "postgresql://[", "postgresql://h:99999/d",
    "postgresql://h:0/d", "postgresql://:@/", "postgres://u:p@h:1,h2:2/d?sslmode=x", "postgresql://h/d?x=%zz", "http://h",
    "postgresql://h/d?port=99999", "postgresql://h/d?host=&port=", "postgresql://%00/d", "postgresql://h/%ff", "/dev/null",
    "postgresql:///d?host=/nonexistent", "postgresql://h/d?passfile=/dev/null", "postgresql://" + "a" * 300 + "/d",
]  # fmt: skip


def test_settings(monkeypatch, tmp_path):
    nasty = Nasty(11)
    monkeypatch.chdir(tmp_path)
    for _ in range(2000 * ROUNDS):
        nasty.tried += 1
        given = {
            f"RUNBELL_{name.upper()}": value.replace("\x00", "").encode("utf-8", "replace").decode()
            for name in Settings.model_fields
            if nasty.random.random() < 0.3
            for value in [nasty.random.choice((nasty.random.choice(VALUES), nasty.text()))]
        }
        with pytest.MonkeyPatch.context() as patch:
            for name, value in given.items():
                patch.setenv(name, value)
            try:
                read_settings()
            except SettingsError as error:
                must("RUNBELL_" in str(error), given, error)
    nasty.told()


def test_settings_of_real_commands(tmp_path):
    nasty = Nasty(12)
    (tmp_path / "sensors.py").write_text("import runbell\n\n\n@runbell.run_failure_sensor\ndef s(context): ...\n")
    names = [f"RUNBELL_{name.upper()}" for name in Settings.model_fields]
    for _ in range(12 * ROUNDS):
        nasty.tried += 1
        given = {name: nasty.random.choice(VALUES)[:1000] for name in nasty.random.sample(names, 3)}
        given = {name: value for name, value in given.items() if "\x00" not in value}
        # No name server has to be asked.
        url = nasty.random.choice([value for value in VALUES if value.startswith("postgres") and "//h" not in value])
        command = nasty.random.choice((["status"], ["check"], ["serve"], ["migrate"]))

        done = runbell(*command, cwd=tmp_path, timeout=60, **{"RUNBELL_DATABASE_URL": url, **given})

        assert done.code in (0, 2, 4), (command, url, given, done)
        assert "Traceback" not in done.stderr, (command, url, given, done.stderr)
    nasty.told()


SEEDS = [
    "import runbell\n\n\n@runbell.run_status_sensor(run_status='SUCCESS', request_job='next')\ndef one(context):\n"
    "    return runbell.RunRequest(run_key='k')\n",
    "import runbell as dg\n\n\n@dg.run_failure_sensor(name='two', monitored_jobs=['a*', 'b:c'], description='d')\n"
    "async def two(context: dg.RunFailureSensorContext):\n    yield dg.RunRequest()\n",
    "from runbell import *\n\nclass Job:\n    name = 'j'\n\ndef make(n):\n    @run_status_sensor(run_status=['STARTED'], "
    "name=n, retry=RetryPolicy(attempts=3), max_concurrent=2)\n    def inner(context): ...\n    return inner\n\n"
    "a, b = make('a'), make('b')\n",
]
WORDS = [
    "None", "1", "'x'", "[]", "lambda: 0", "...", "object()", "float('nan')", "b'x'", "{}", "type", "name", "run_status",
    "monitored_jobs", "=", "(", ")", ":", "\n", "    ", "def", "async", "await", "return", "yield", "import", "@", "*",
    "raise SystemExit(3)", "raise KeyboardInterrupt", "raise BaseException", "1/0", "import nothing_there", "del", "'''",
    "\x00", "\ufeff", "é", "'\\ud800'", "exit()", "quit", "global", "print('x')", "a" * 3000, "'a' * 10**7", "-1", "0",
]  # fmt: skip
# A process for many: each module is loaded as `check` loads it, in a child of its own, so that none can hurt the next.
LOADER = """
import os, sys, traceback
from runbell.ops.commands.check import check
bad = 0
for path in sys.argv[1:]:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            check(sensors=path, code_location=None, default_status=None, json=False)
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status not in (0, 2):
        print(f"ENDED WITH {status}: {path}", file=sys.stderr)
"""


def mutated(nasty: Nasty) -> str:
    """A module, changed in a few places: words put in, cut out, doubled."""
    text = nasty.random.choice(SEEDS)
    for _ in range(nasty.random.randrange(1, 5)):
        at, to = sorted(nasty.random.randrange(len(text) + 1) for _ in range(2))
        draw = nasty.random.random()
        if draw < 0.4:
            text = text[:at] + nasty.random.choice(WORDS) + text[at:]
        elif draw < 0.6:
            text = text[:at] + text[min(to, at + 12) :]
        elif draw < 0.9:
            # An argument's value in place of another: the mistakes that people make.
            parts = text.split("=")
            place = nasty.random.randrange(1, len(parts))
            parts[place] = nasty.random.choice(WORDS) + parts[place][len(parts[place].split(",")[0].split(")")[0]) :]
            text = "=".join(parts)
        else:
            text = text[:to] + text[at:to] + text[to:]
    return text


def test_modules(tmp_path):
    nasty = Nasty(13)
    paths = []
    for number in range(200 * ROUNDS):
        nasty.tried += 1
        path = tmp_path / f"module_{number}.py"
        path.write_bytes(mutated(nasty).encode("utf-8", "surrogatepass"))
        paths.append(path.name)
    for begin in range(0, len(paths), 100):
        command = [sys.executable, "-c", LOADER, *paths[begin : begin + 100]]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
        )

        assert "ENDED WITH" not in done.stderr, blamed(tmp_path, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr[-3000:]
    nasty.told()


def blamed(folder: Path, stderr: str) -> str:
    name = stderr.rpartition("ENDED WITH")[2].split(": ")[1].split()[0]
    return f"{(folder / name).read_text(errors='replace')}\n{stderr[-2000:]}"


class Hostile:
    """An object all of whose ways raise."""

    def _no(self, *_, **__):
        raise RuntimeError("no")

    __repr__ = __str__ = __eq__ = __len__ = __iter__ = __bool__ = __getattr__ = _no
    __hash__ = None


class Lying(str):
    __slots__ = ()

    def encode(self, *_):
        raise RuntimeError("no")

    def __str__(self):
        raise RuntimeError("no")


def too_many():
    yield from [dg.RunRequest()] * 10_001


def values(nasty: Nasty, depth: int = 0) -> object:
    """Anything that a function may return."""
    draw = nasty.random
    plain = [
        None, True, 0, -1, 2**100, 1.5, float("nan"), float("inf"), b"x", bytearray(b"x"), 1j, Decimal("NaN"), object, object(),
        Hostile(), Lying("x"), Exception("x"), SystemExit, KeyboardInterrupt(), range(3), {1, 2}, "\ud800", "a\x00b",
        lambda: 1, open, dg, NotImplemented, ..., dg.SkipReason, dg.RunRequest, dg.SensorResult, memoryview(b"x"),
    ]  # fmt: skip
    kind = draw.random()
    if kind < 0.3 or depth > 3:
        return draw.choice([*plain, nasty.text(), draw.choice(TEXTS)])
    inner = lambda: values(nasty, depth + 1)  # noqa: E731 - shorter than what it would be otherwise
    makers = [
        lambda: [inner() for _ in range(draw.randrange(4))],
        lambda: tuple(inner() for _ in range(draw.randrange(3))),
        lambda: {nasty.text(): inner(), **({draw.choice([1, None, (1,)]): inner()} if draw.random() < 0.3 else {})},
        lambda: (inner() for _ in range(3)),
        lambda: iter([inner()]),
        lambda: dg.SkipReason(inner()),
        lambda: dg.RunRequest(run_key=inner(), tags=inner(), run_config=inner()),
        lambda: dg.RunRequest(run_key=inner()),
        lambda: dg.RunRequest(run_config={"a": inner()}, tags={"a": inner()}, partition_key=inner(), job_name=inner()),
        lambda: dg.SensorResult(run_requests=inner(), skip_reason=inner()),
        lambda: dg.SensorResult(run_requests=[inner()]),
        lambda: nested(draw.randrange(3, 500)),
        lambda: too_many() if draw.random() < 0.05 else None,
    ]
    return draw.choice(makers)()


def nested(depth: int) -> object:
    found: object = []
    for _ in range(depth):
        found = [found]
    return dg.RunRequest(run_config={"a": found})


def test_return_values():
    nasty = Nasty(14)
    outcomes = {}

    @dg.run_status_sensor(run_status="SUCCESS", request_job="next")
    def returns(_):
        return values(nasty)

    for _ in range(1500 * ROUNDS):
        nasty.tried += 1
        found = evaluate(returns, run_id="r", job_name="j")
        outcomes[found.outcome] = outcomes.get(found.outcome, 0) + 1
        for error in filter(None, [found.error]):
            error.encode()
            assert "\x00" not in error
    print(f"\n{outcomes}", end="")
    assert {"failed", "requested", "skipped", "acted"} <= set(outcomes)
    nasty.told()


async def test_return_values_of_a_daemons_sensors(database_url, connection):
    nasty = Nasty(15)

    @dg.run_status_sensor(run_status="SUCCESS", request_job="next", name="bad", max_concurrent=4)
    def bad(context):
        return values(nasty)

    @dg.run_status_sensor(run_status="SUCCESS", request_job="next", name="good")
    def good(context):
        return dg.RunRequest(run_key=context.dagster_run.run_id)

    async with running(database_url, bad, good, retry_attempts=2):
        for number in range(150 * ROUNDS):
            nasty.tried += 1
            await record(connection, f"r{number:06}")
        count = 150 * ROUNDS
        await until(lambda: requested_keys(connection, "good"), lambda keys: len(keys) == count, seconds=60 * ROUNDS)
        await until(
            lambda: evaluations(connection),
            lambda rows: all(row["state"] == "dead" for row in rows),
            seconds=60 * ROUNDS,
        )
        for row in await evaluations(connection):
            assert row["error"]
            # What raised is the author's; what refuses it is a sentence.
            _, traceback, last = row["error"].rpartition('  File "')
            assert not (traceback and last.startswith(f"{ROOT}/service")), row["error"]
    nasty.told()


LINES = [
    b"GET /healthz HTTP/1.1", b"GET /metrics HTTP/1.1", b"POST /readyz HTTP/1.0", b"HEAD * HTTP/1.1", b"OPTIONS * HTTP/9.9",
    b"host: x", b"host:", b"content-length: 5", b"content-length: 99999999999999999999", b"transfer-encoding: chunked",
    b"connection: upgrade", b"upgrade: h2c", b"expect: 100-continue", b"range: bytes=0-", b"accept-encoding: gzip",
    b"x: \xff\xfe", b": y", b" folded", b"cookie: " + b"a=b; " * 500, b"", b"5\r\nhello", b"0", b"PRI * HTTP/2.0",
]  # fmt: skip


def request(draw: random.Random) -> bytes:
    lines = draw.choices(LINES, k=draw.randrange(1, 8))
    given = bytearray(draw.choice([b"\r\n", b"\n", b"\r\n", b"\r"]).join(lines) + b"\r\n\r\n")
    for _ in range(draw.randrange(4)):
        given[draw.randrange(len(given))] = draw.randrange(256)
    if draw.random() < 0.1:
        return draw.randbytes(draw.randrange(2000))
    return bytes(given)


async def test_http_bytes(database_url, connection, tmp_path):
    nasty = Nasty(16)

    def talk(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
            try:
                for _ in range(nasty.random.randrange(1, 4)):
                    client.sendall(request(nasty.random))
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
            except OSError:
                pass

    def storm(served) -> None:
        port = served.until("daemon_started")["http_port"]
        for number in range(300 * ROUNDS):
            nasty.tried += 1
            talk(port)
            if number % 50 == 0:
                assert get(port, "/healthz").status == 200
        assert get(port, "/metrics").status == 200

    with serving(tmp_path, database_url, RUNBELL_HTTP_PORT="0") as served:
        await anyio.to_thread.run_sync(storm, served)
        await record(connection, "good")
        await until(lambda: requested_keys(connection), lambda keys: keys == ["good"])
        assert await anyio.to_thread.run_sync(served.end) == 0
    assert "Traceback" not in served.errors, served.errors[-2000:]
    assert served.events("http_failed") == []
    assert [event for event in served.events() if event["level"] == "error"] == []
    nasty.told()
