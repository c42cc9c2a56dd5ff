"""What one process offers: its sensors under their identities, what they ask for, and their limits."""

from collections.abc import Mapping
from dataclasses import dataclass

from runbell.core.filters import Filter
from runbell.core.sensors import Sensor
from runbell.engine.evaluator import Limits
from runbell.store.daemons import Identity


@dataclass(frozen=True, slots=True)
class Deployment:
    """Sensors by identity; `active`: does code and settings have it run?"""

    identity: Identity
    sensors: Mapping[str, Sensor]
    filters: Mapping[str, Filter]
    active: Mapping[str, bool]
    limits: Limits
