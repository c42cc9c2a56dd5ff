"""What Runbell's two statements cost by themselves: the bare loop, with them in place of its own.

It is rung by the doorbell, reads as the tail does, and settles as the committer does: fenced by lease and place, with a
tick and a ring for whoever launches. Beside it the bare loop tells what those promises cost the server, and Runbell
what its engine adds: routing, contexts, lanes, retries, portions, logs and measures. Run as `stripped.py URL`.
"""

import asyncio
import sys

import uvloop

from runbell.core.places import Place, Snapshot
from runbell.core.progress import Evaluation, Settlement
from runbell.core.requests import Conclusion, RequestDraft
from runbell.engine.sessions import PLANS
from runbell.store.bell import Sleep
from runbell.store.connections import SCANS, connect
from runbell.store.events import read_events
from runbell.store.settling import settle

READY = "stripped and asleep"
SENSOR = "stripped"

PREPARE = f"""
INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash, position, lease_epoch)
VALUES ('{SENSOR}', 'stripped', true, '{{}}', 0, pg_current_snapshot(), 1)
"""


async def answer(_: Evaluation) -> Conclusion:
    """What stands for the sensor function."""
    return Conclusion("requested", (RequestDraft("follow_up"),))


async def serve(url: str) -> None:
    """Answer until killed."""
    listener = await connect(url, role="listener")
    reading = await connect(url, role="reading", plan_cache_mode=PLANS, enable_seqscan=SCANS)
    settling = await connect(url, role="settling", plan_cache_mode=PLANS, enable_seqscan=SCANS)
    sleep = Sleep(await connect(url, role="asleep"))
    rung = asyncio.Event()
    await listener.add_listener("runbell_events", lambda *_: rung.set())
    place = Place(Snapshot.parse(await reading.fetchval("SELECT position::text FROM runbell.sensors")))
    await sleep.lock_bell()
    await listener.execute(f"SET application_name = '{READY}'")
    while True:
        rung.clear()
        page = await read_events(reading, place, statuses=["SUCCESS"], scanned=100)
        if not page.events:
            await rung.wait()
            continue
        done = [Evaluation(event) for event in page.events]
        for evaluation in done:
            evaluation.conclusion = await answer(evaluation)
        settled = await settle(settling, [Settlement(SENSOR, 1, place, page.end, placed=done)])
        if not settled.sensors:
            raise RuntimeError("it does not stand where it has read")
        place = page.end


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
