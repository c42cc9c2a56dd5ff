"""The text by which another service recognises a repeated call."""

import re
from hashlib import sha256

from runbell.core.events import RunEvent

# What a header may carry anywhere, and nothing that some reader of keys takes for an end.
NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
SHOWN_OF_A_NAME = 100


def idempotency_key(sensor_name: str, event: RunEvent, replay: int) -> str:
    """The key of one sensor's evaluations for one event: readable in front, unmistakable behind.

    The event's id alone would not do: two databases that call the same service both count from one.

    Args:
        sensor_name: the sensor's identity.
        event: what it is evaluated for.
        replay: the number of a replay that was asked for; 0 is none.

    Example:
        >>> from runbell.testing import made_up_event
        >>> idempotency_key("warehouse:alert", made_up_event(run_id="r1"), 0)
        'warehouse-alert.1.0.fe975ceaa5c3dc7e0163af8c2b74b86c'
    """
    # Joined by what no name can contain, so that no two lists of parts are one text.
    parts = (sensor_name, event.source, event.run_id, event.event_id, repr(event.recorded_at), replay)
    digest = sha256("\x00".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    name = NOT_PLAIN.sub("-", sensor_name)[:SHOWN_OF_A_NAME]
    return f"{name}.{event.event_id}.{replay}.{digest}"
