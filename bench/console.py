"""Measures how long the pages of the console take to load in Chromium, with many sensors and a long history.

    .venv/bin/python bench/console.py [--sensors 10000] [--events 1000000] [--rounds 10] [--smoke]

Each event was evaluated once, requested a run and became a dead letter; so there are as many ticks, requests, runs and
dead letters as events. From the navigation to the page's load event, with an empty cache and a daemon that serves.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import asyncpg
import server
from tables import print_table

from support.browsers import Browser, browser
from support.histories import fill
from support.http import get
from support.serving import serving

PAGES = {
    "overview": "/",
    "overview, by lag, its 50th page": "/?order=lag&page=50",
    "overview, names with 99": "/?name=99",
    "sensor": "/sensor?name=sensor_00042",
    "run": "/run?id=run-777",
    "requests": "/requests",
    "requests, failed ones": "/requests?show=ended",
    "requests of a sensor": "/requests?sensor=sensor_00042",
    "dead letters": "/dead-letters",
    "dead letters of a sensor": "/dead-letters?sensor=sensor_00042",
    "replicas": "/replicas",
}
SENSORS = """
import runbell


@runbell.run_status_sensor(run_status="FAILURE")
def quiet(context):
    pass
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sensors", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--smoke", action="store_true", help="few sensors and events: does it run at all?")
    given = parser.parse_args()
    if given.smoke:
        given.sensors, given.events, given.rounds = 100, 1000, 2
    with server.private_server() as postgres, tempfile.TemporaryDirectory(prefix="runbell-bench-") as folder:
        asyncio.run(_prepare(postgres, given.sensors, given.events))
        with serving(Path(folder), postgres.url(server.TEMPLATE), sensors=SENSORS, RUNBELL_HTTP_PORT="0") as served:
            port = served.until("daemon_started")["http_port"]
            first = _first_page(port)
            with browser() as page:
                rows = [
                    _measured(page, name, f"http://127.0.0.1:{port}{path}", given.rounds)
                    for name, path in PAGES.items()
                ]
    print(f"the first page that anybody asks for, which reads how all sensors stand: {first * 1000:.0f} ms")
    header = ["page", "ms: median (least to greatest)", "kB"]
    print_table(f"{given.sensors:,} sensors, {given.events:,} evaluations: loaded in Chromium", header, rows)


async def _prepare(postgres: server.Server, sensors: int, events: int) -> None:
    await server.migrate_template(postgres)
    session = await asyncpg.connect(postgres.url(server.TEMPLATE))
    began = time.monotonic()
    await fill(session, sensors=sensors, events=events)
    await session.close()
    print(f"filled in {time.monotonic() - began:.0f} s")


def _first_page(port: int) -> float:
    began = time.perf_counter()
    answer = get(port, "/")
    assert answer.status == 200, answer.text
    return time.perf_counter() - began


def _measured(page: Browser, name: str, url: str, rounds: int) -> list[str]:
    taken = []
    for _ in range(rounds):
        page.call("Network.clearBrowserCache")
        page.open(url)
        assert page.evaluate("document.querySelector('h1') !== null && !document.querySelector('main [role=alert]')"), (
            url
        )
        loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        taken.append(float(loaded))
    size = page.evaluate("performance.getEntriesByType('navigation')[0].decodedBodySize") / 1000
    return [name, f"{statistics.median(taken):.0f} ({min(taken):.0f} to {max(taken):.0f})", f"{size:.0f}"]


if __name__ == "__main__":
    main()
