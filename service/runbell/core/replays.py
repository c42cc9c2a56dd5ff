"""The run keys of a replay that makes new requests: those of the first time with the replay's number behind."""

from hashlib import sha256

from runbell.core.text import MAX_NAME_BYTES

DIGEST = 16


def replayed_key(run_key: str | None, replay: int) -> str | None:
    """The key under which a replay's request is unique; one that would be too long keeps its beginning and a digest.

    Args:
        run_key: as the sensor gave it, at most 500 bytes.
        replay: the replay's number; 0: no replay, the key stays what it is.

    Example:
        >>> replayed_key("2026-01-01", 7), replayed_key("2026-01-01", 0)
        ('2026-01-01:replay-7', '2026-01-01')
    """
    if run_key is None or replay == 0:
        return run_key
    suffix = f":replay-{replay}"
    key = run_key + suffix
    if len(key.encode()) <= MAX_NAME_BYTES:
        return key
    digest = sha256(run_key.encode()).hexdigest()[:DIGEST]
    room = MAX_NAME_BYTES - len(suffix) - DIGEST - 1
    return run_key.encode()[:room].decode(errors="ignore") + f"~{digest}{suffix}"
