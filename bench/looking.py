"""Measures how long it takes to see how every sensor stands, wherever their places are.

    .venv/bin/python bench/looking.py [--rounds 5] [--sensors 1000] [--events 100000] [--smoke]

Events are recorded one transaction each. Then the sensors stand all at the end (nothing to do), all at different
places among the newest 5,000 events, or all at different places over everything that was recorded.
"""

import argparse
import asyncio
import time

import asyncpg
import server
from tables import print_setting, print_table, spread

from runbell.store.overview import read_sensor_states

RECORD = """
DO $$
BEGIN
    FOR number IN 1..{events} LOOP
        INSERT INTO runbell.run_events (source, run_id, job_name, status, native_status)
        VALUES (
            'sql', 'r' || number, 'job_' || number % 100, CASE number % 5 WHEN 0 THEN 'FAILURE' ELSE 'SUCCESS' END, 'x'
        );
        COMMIT;
    END LOOP;
END $$
"""
DEPLOY = """
INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash, position)
SELECT
    'sensor_' || n, 'sensors', true,
    jsonb_build_object(
        'statuses', ARRAY['FAILURE'], 'scope', NULL, 'own_runs', false,
        'jobs', CASE WHEN n % 2 = 0 THEN jsonb_build_array(jsonb_build_array('job_' || n % 100, NULL)) END
    ), 0, NULL
FROM generate_series(1, $1::integer) AS n
"""
PLACE = """
UPDATE runbell.sensors AS s
SET position = CASE WHEN $1::bigint = 0 THEN pg_current_snapshot() ELSE (
    SELECT format('%s:%s:', p.xid, p.xid)::pg_snapshot
    FROM (
        SELECT (pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1
            - $1::bigint * substr(s.sensor_name, 8)::bigint / (SELECT count(*) FROM runbell.sensors)) AS xid
    ) AS p
) END
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sensors", type=int, default=1_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--smoke", action="store_true", help="one round of 2,000 events: does it run?")
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.events, options.sensors = 1, 2_000, 100
    asyncio.run(_measure(options.rounds, options.sensors, options.events))


async def _measure(rounds: int, sensors: int, events: int) -> None:
    rows = []
    with server.durable_server() as postgres:
        print_setting(await server.settings_of(postgres))
        await server.migrate_template(postgres)
        async with server.fresh_database(postgres, "looking") as url:
            session = await asyncpg.connect(url)
            await session.execute("SET synchronous_commit = off")
            await session.execute(RECORD.format(events=events))
            await session.execute(DEPLOY, sensors)
            for title, behind in (("at the end", 0), ("within 5,000 events", 5_000), ("over all events", events)):
                await session.execute(PLACE, behind)
                await session.execute("VACUUM ANALYZE")
                rows.append([title, *await _looks(session, rounds)])
            await session.close()
    print_table(f"{sensors:,} sensors, {events:,} events", ["places", "milliseconds", "sensors behind"], rows)


async def _looks(session: "asyncpg.Connection[asyncpg.Record]", rounds: int) -> list[str]:
    times, behind = [], 0
    for _ in range(rounds + 1):
        began = time.perf_counter()
        states = await read_sensor_states(session)
        times.append((time.perf_counter() - began) * 1000)
        behind = sum(state.lag_events > 0 for state in states)
    return [spread(times[1:], 0), f"{behind:,}"]


if __name__ == "__main__":
    main()
