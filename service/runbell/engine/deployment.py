"""What one process offers: its sensors under their identities, what they ask for, and their limits."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field

from runbell.core.sensors import Sensor
from runbell.engine.calls import Calls
from runbell.engine.evaluator import Limits
from runbell.store.daemons import Identity
from runbell.store.sensors import Offered


@dataclass(frozen=True, slots=True)
class Deployment:
    """Sensors by identity, and what the database is told of each."""

    identity: Identity
    sensors: Mapping[str, Sensor]
    offered: Mapping[str, Offered]
    limits: Limits
    calls: Calls = field(default_factory=Calls)
    verdicts: MutableMapping[tuple[str, int, int], str] = field(default_factory=dict)
    run_url: str | None = None
