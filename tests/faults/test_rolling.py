"""A rolling deploy: another `serve` with the next version of the sensors comes, then the old one is told to end, while
events come all the time. Nothing is lost or doubled, and nobody waits.

`ROUNDS=20` deploys so often. Each changes the code of both sensors, and the filter of one.
"""

import os
from contextlib import ExitStack
from pathlib import Path

import anyio.to_thread
import pytest

from support.offenders import WELL_BEHAVED, beside
from support.serving import serving
from support.writers import GENEROUS_SECONDS

pytestmark = [pytest.mark.alone, pytest.mark.timeout(600)]

ROUNDS = int(os.environ.get("ROUNDS", "3"))


def version(number: int) -> str:
    """The module in this version; its requests say which one made them."""
    tagged = f'RunRequest(run_key=context.dagster_run.run_id, tags={{"version": "{number}"}})'
    text = WELL_BEHAVED.replace("RunRequest(run_key=context.dagster_run.run_id)", tagged)
    filtered = f'run_status=["SUCCESS", "OTHER_{number}"], monitored_jobs=["steady"]'
    return text.replace('run_status="SUCCESS", monitored_jobs=["steady"]', filtered, 1)


async def test_i1_a_rolling_deploy_under_load_loses_doubles_and_delays_nothing(
    database_url: str, tmp_path: Path
) -> None:
    codes = []
    async with beside(tmp_path, database_url, version(0)) as others:
        with ExitStack() as stack:
            for number in range(1, ROUNDS + 1):
                folder = tmp_path / f"version_{number}"
                folder.mkdir()
                old = others.served
                # Whoever looks at the log from here on looks at that of the next one.
                others.served = stack.enter_context(serving(folder, database_url, sensors=version(number)))
                await others.event("daemon_started")
                codes.append(await anyio.to_thread.run_sync(old.end))
                await others.until(lambda at=others.count: others.count > at + 50)
            silence = await others.longest_silence()
            rows = await others.session.fetch(
                "SELECT DISTINCT sensor_name, tags ->> 'version' AS version FROM runbell.run_requests"
            )
            waiting = await others.session.fetchval("SELECT count(*) FROM runbell.evaluations")
            codes.append(await anyio.to_thread.run_sync(others.served.end))

    print(f"\n{ROUNDS} rolling deploys, {others.count} events, lost 0, doubled 0, longest reaction {silence:.3f} s")
    assert silence < GENEROUS_SECONDS
    assert {(row["sensor_name"], row["version"]) for row in rows} >= {
        (name, str(number)) for name in ("steady", "plain") for number in range(ROUNDS + 1)
    }
    assert (waiting, codes) == (0, [0] * (ROUNDS + 1))
