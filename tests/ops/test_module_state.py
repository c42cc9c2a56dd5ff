"""What a sensors module keeps in its globals stays: a sensor is evaluated in one process while its lease stays."""

from pathlib import Path
from typing import TypeAlias

import asyncpg

from support.daemons import record, requested_keys, until
from support.serving import serving

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

COUNTING = """
import runbell

seen = {"plain": 0, "waiting": 0}


@runbell.run_status_sensor(run_status="SUCCESS", request_job="next")
def plain(context):
    seen["plain"] += 1
    return runbell.RunRequest(run_key=f"plain {seen['plain']}")


@runbell.run_status_sensor(run_status="SUCCESS", request_job="next")
async def waiting(context):
    seen["waiting"] += 1
    return runbell.RunRequest(run_key=f"waiting {seen['waiting']}")
"""


async def test_globals_count_from_one_event_to_the_next(tmp_path: Path, database_url: str, connection: Session) -> None:
    with serving(tmp_path, database_url, sensors=COUNTING) as served:
        served.until("daemon_started")
        for number in range(1, 6):
            await record(connection, f"r{number}")
            expected = sorted(f"{name} {count}" for name in ("plain", "waiting") for count in range(1, number + 1))
            await until(lambda: requested_keys(connection), expected.__eq__)
        assert served.end() == 0
