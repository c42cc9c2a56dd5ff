"""Measures what capture and the doorbell cost the orchestrator: commits a second of clients that change runs' statuses.

    .venv/bin/python bench/writers.py [--rounds 5] [--clients 1,16,64] [--seconds 2] [--only awake] [--smoke]

Each transaction is one UPDATE of the status of one run, sent by pgbench. Awake: nobody holds the bell, and no daemon is
there to use the processor. Asleep: a session sleeps for as long as it is measured and never wakes, so that every writer
rings: the worst that can be. The bell of advisory locks asks the same question by one lock, or one of eight keys. The
bare triggers are the floor, what any capture in the orchestrator's own transaction costs at least: one that keeps a run
and its event, one that only appends to a table without an index, and one that does nothing at all.
"""

import argparse
import asyncio
import re
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import server
from figures import Figures
from options import numbers, parser_of
from tables import print_setting, print_table, spread

from support.postgres import BINARIES

RUNS = 100_000
PREPARE = f"""
CREATE TABLE public.app_runs (id bigint PRIMARY KEY, job text NOT NULL, status text NOT NULL) WITH (fillfactor = 50);
INSERT INTO public.app_runs SELECT n, 'a_job', 'queued' FROM generate_series(1, {RUNS}) AS n;
"""
ATTACH = """
SELECT runbell.attach_source('app', 'table', '{"schema": "public", "table": "app_runs", "id": "id", "job": "job",
    "status": "status"}');
SELECT runbell.set_triggers('app', 'row');
"""
BARE = """
CREATE SCHEMA bare;
CREATE TABLE bare.changes (run_id text, job_name text, status text);
CREATE FUNCTION bare.capture() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$;
CREATE TRIGGER capture AFTER UPDATE ON public.app_runs FOR EACH ROW
WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION bare.capture();
"""
# The least that keeps a run and its event: two inserts, without guard, settings, tags, checks or bell.
TWO_INSERTS = """
INSERT INTO runbell.runs (source, run_id, job_name, status)
VALUES ('app', NEW.id::text, NEW.job, upper(NEW.status))
ON CONFLICT (source, run_id) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at;
INSERT INTO runbell.run_events (source, run_id, job_name, status)
VALUES ('app', NEW.id::text, NEW.job, upper(NEW.status));
"""
ONE_INSERT = "INSERT INTO bare.changes VALUES (NEW.id::text, NEW.job, upper(NEW.status));"
UNBARE = "DROP SCHEMA bare CASCADE"
DETACH = "SELECT runbell.detach_source('app')"
SCRIPT = r"""
\set id random(1, :runs)
UPDATE app_runs SET status = CASE status WHEN 'started' THEN 'success' ELSE 'started' END WHERE id = :id;
"""
BELL = """
CREATE OR REPLACE FUNCTION runbell.ring_if_asleep() RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$ BEGIN {body} END $$
"""
ADVISORY = """
IF NOT pg_try_advisory_xact_lock_shared({key}) THEN
    PERFORM runbell.ring('runbell_events');
END IF;
"""
EIGHT_KEYS = "7361001 + pg_backend_pid() % 8"
LISTEN = "LISTEN runbell_events"
LOCK_TABLE = "LOCK TABLE runbell.bell IN SHARE MODE NOWAIT"
LOCK_KEYS = "SELECT pg_advisory_xact_lock(7361001 + n) FROM generate_series(0, 7) AS n"


@dataclass(frozen=True, slots=True)
class Case:
    """A way of capturing: what begins and ends it, by which body of the bell (None: Runbell's own), and who sleeps."""

    name: str
    attach: str = ATTACH
    detach: str = DETACH
    bell: str | None = None
    sleep: str | None = None


CASES = [
    Case("no capture", attach="SELECT", detach="SELECT"),
    Case("capture, no bell", bell="NULL;"),
    Case("capture, the bell, awake"),
    Case("capture, the bell, asleep", sleep=LOCK_TABLE),
    Case("capture, advisory bell, awake", bell=ADVISORY.format(key="7361001")),
    Case("capture, advisory bell, asleep", bell=ADVISORY.format(key="7361001"), sleep=LOCK_KEYS),
    Case("capture, advisory bell of 8 keys, awake", bell=ADVISORY.format(key=EIGHT_KEYS)),
    Case("capture, advisory bell of 8 keys, asleep", bell=ADVISORY.format(key=EIGHT_KEYS), sleep=LOCK_KEYS),
    Case("a bare trigger of two inserts", attach=BARE.format(body=TWO_INSERTS), detach=UNBARE),
    Case("a bare trigger of one insert, no index", attach=BARE.format(body=ONE_INSERT), detach=UNBARE),
    Case("a bare trigger that does nothing", attach=BARE.format(body=""), detach=UNBARE),
    Case("capture, NOTIFY in each", bell="PERFORM pg_notify('runbell_events', '');"),
]
Samples = dict[tuple[int, str], list[tuple[float, float]]]


def main() -> None:
    parser = parser_of(__doc__, rounds=5)
    parser.add_argument("--clients", type=numbers, default=[1, 16, 64])
    parser.add_argument("--seconds", type=float, default=2, help="for each case, number of clients and round")
    parser.add_argument("--only", default="", help="the cases whose names contain this, and the first two")
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.seconds, options.clients = 1, 1, [16]
    cases = [case for case in CASES if case in CASES[:2] or options.only in case.name]
    if options.smoke:
        # But for their keys they are like those of one key.
        cases = [case for case in cases if "8 keys" not in case.name]
    _report(cases, options, asyncio.run(_measure(cases, options)))


async def _measure(cases: list[Case], options: argparse.Namespace) -> Samples:
    samples: Samples = defaultdict(list)
    with server.durable_server() as postgres:
        print_setting(await server.settings_of(postgres))
        await server.migrate_template(postgres)
        async with server.fresh_database(postgres, "writers") as url:
            for number in range(options.rounds):
                for clients in options.clients:
                    for case in cases if number % 2 == 0 else cases[::-1]:
                        async with _captured(url, case):
                            samples[clients, case.name].append(_write(postgres, url, clients, options.seconds))
    return samples


@asynccontextmanager
async def _captured(url: str, case: Case) -> AsyncIterator[None]:
    """An orchestrator's table with nothing captured yet, and everybody there who has to be."""
    session = await asyncpg.connect(url)
    sleeper = await asyncpg.connect(url)
    own_bell = await session.fetchval("SELECT pg_get_functiondef('runbell.ring_if_asleep'::regproc)")
    await session.execute(PREPARE)
    await session.execute(case.attach)
    if case.bell:
        await session.execute(BELL.format(body=case.bell))
    # A daemon listens, asleep or not.
    await session.add_listener("runbell_events", lambda *_: None)
    await session.execute("CHECKPOINT")
    try:
        async with sleeper.transaction():
            await sleeper.execute(case.sleep or "SELECT")
            yield
    finally:
        await session.execute(own_bell)
        await session.execute(case.detach)
        await session.execute("DROP TABLE public.app_runs; TRUNCATE runbell.run_events, runbell.runs")
        await sleeper.close()
        await session.close()


def _write(postgres: server.Server, url: str, clients: int, seconds: float) -> tuple[float, float]:
    """Commits a second, and the server's processor time for each in microseconds."""
    before = server.cpu_seconds(postgres)
    script = postgres.folder / "script.sql"
    script.write_text(SCRIPT)
    command = [
        BINARIES / "pgbench",
        "-n",
        "-M",
        "prepared",
        "-c",
        str(clients),
        "-j",
        "2",
        "-T",
        str(max(int(seconds), 1)),
    ]
    done = subprocess.run(
        [*command, "-D", f"runs={RUNS}", "-f", script, url], capture_output=True, text=True, check=False
    )
    found = re.search(r"actually processed: (\d+)(?s:.*)tps = ([\d.]+)", done.stdout)
    if done.returncode or found is None:
        raise RuntimeError(done.stdout + done.stderr)
    return float(found[2]), (server.cpu_seconds(postgres) - before) * 1e6 / int(found[1])


def _report(cases: list[Case], options: argparse.Namespace, samples: Samples) -> None:
    figures = Figures("writers")
    rows: list[list[str]] = []
    for clients in options.clients:
        plain, silent = (samples[clients, CASES[place].name] for place in (0, 1))
        for case in cases:
            taken = samples[clients, case.name]
            row = [str(clients), case.name, spread([one[0] for one in taken], 0)]
            row += [
                spread([one[0] / other[0] for one, other in zip(taken, base, strict=True)]) for base in (plain, silent)
            ]
            rows.append([*row, spread([one[1] for one in taken], 0)])
            figures.add(f"{clients} clients", case.name, "commits/s", values=[one[0] for one in taken])
    header = ["clients", "", "commits/s", "ratio to no capture", "ratio to no bell", "server CPU us / commit"]
    print_table("The orchestrator's commits: median over the rounds (least to greatest)", header, rows)
    figures.write(options.out)


if __name__ == "__main__":
    main()
