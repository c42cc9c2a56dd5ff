"""What tells why things do not move is told, whatever stands in the rows that it is told from."""

import pytest

from runbell.core.stalls import explain
from runbell.store.overview import read_sensor_states
from runbell.store.stalls import read_facts, read_server_facts

FILL = """
INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash, position)
VALUES ('s', 'm', true, '{"statuses": ["SUCCESS"]}', 1, pg_current_snapshot());
INSERT INTO runbell.ticks (sensor_name, first_event_id, last_event_id, requested, acted, skipped, failed)
VALUES ('s', 1, 1, 0, 1, 0, 0), ('s', 2, 2, 0, 1, 0, 0);
INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts, error)
VALUES ('s', 3, 'running', 1, NULL), ('s', 4, 'retry', 1, 'no');
INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name, state)
VALUES ('s', 1, 0, 'dagster', 'j', 'pending'), ('s', 2, 0, 'dagster', 'j', 'claimed');
"""
MOMENTS = {
    "runbell.ticks": ["settled_at"],
    "runbell.evaluations": ["updated_at", "due_at"],
    "runbell.run_requests": ["requested_at", "due_at", "claimed_until"],
}


@pytest.mark.parametrize("moment", ["infinity", "-infinity"])
async def test_endless_moments_keep_nothing_from_being_told(connection, moment):
    await connection.execute(FILL)
    for table, columns in MOMENTS.items():
        for column in columns:
            await connection.execute(f"UPDATE {table} SET {column} = '{moment}'")

    states = await read_sensor_states(connection)
    facts = await read_facts(connection, states, [], await read_server_facts(connection))

    (work,), (queue,) = facts.sensors, facts.queues
    assert (work.settled_seconds, work.running_seconds, queue.oldest_seconds) == (None, None, 0)
    assert [stall.subject for stall in explain(facts)]
