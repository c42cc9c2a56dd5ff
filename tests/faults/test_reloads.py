"""Sensors are loaded anew while events come all the time: nothing is lost or doubled, and nobody waits.

`ROUNDS=20` reloads so often. Each reload changes the code of both sensors, and the filter of one (it watches one status
more, of which there are no events); every third one does not load.
"""

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from support.offenders import WELL_BEHAVED, Beside, beside
from support.writers import GENEROUS_SECONDS

pytestmark = [pytest.mark.alone, pytest.mark.timeout(900)]

ROUNDS = int(os.environ.get("ROUNDS", "3"))


def version(number: int) -> str:
    """The module in this version; its requests say which one made them."""
    tagged = f'RunRequest(run_key=context.dagster_run.run_id, tags={{"version": "{number}"}})'
    text = WELL_BEHAVED.replace("RunRequest(run_key=context.dagster_run.run_id)", tagged)
    filtered = f'run_status=["SUCCESS", "OTHER_{number}"], monitored_jobs=["steady"]'
    return text.replace('run_status="SUCCESS", monitored_jobs=["steady"]', filtered, 1)


async def reload(others: Beside, folder: Path, text: str, awaited: str, count: int) -> None:
    (folder / "sensors.py").write_text(text)
    others.served.process.send_signal(signal.SIGHUP)
    await others.until(lambda: len(others.served.events(awaited)) >= count, 60)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_reloads_under_load(database_url: str, tmp_path: Path, workers: str) -> None:
    done, failed = 0, 0
    async with beside(tmp_path, database_url, version(0), RUNBELL_WORKERS=workers) as others:
        for number in range(1, ROUNDS + 1):
            if number % 3 == 0:
                failed += 1
                await reload(others, tmp_path, "raise ValueError('half written')", "sensors_reload_failed", failed)
                continue
            done += 1
            await reload(others, tmp_path, version(number), "sensors_reloaded", done)
            await others.until(lambda at=others.count: others.count > at + 20)
        silence = await others.longest_silence()
        made = Counter(
            row["version"]
            for row in await others.session.fetch("SELECT tags ->> 'version' AS version FROM runbell.run_requests")
        )
        called_again = await others.session.fetchval("SELECT count(*) FROM runbell.evaluations")
        code = others.served.end()

    print(
        f"\n{workers} workers: {done} reloads, {failed} that did not load, {others.count} events, {sum(made.values())} "
        f"requests, lost 0, doubled 0, longest reaction {silence:.3f} s, versions {len(made)}"
    )
    assert silence < GENEROUS_SECONDS
    assert len(made) == done + 1
    assert (called_again, code) == (0, 0)
