"""Who remembers what was sent."""

from runbell.core.muting import alert_memory, remembering
from runbell.testing.memory import VirtualMemory


def test_what_runs_within_a_daemon_has_its_memory() -> None:
    memory = VirtualMemory(lambda: 0.0)
    with remembering(memory):
        assert alert_memory() is memory

    assert alert_memory() is None
