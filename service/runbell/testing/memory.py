"""Remembers in virtual time what alert sensors have sent, as the daemon's database does."""

from collections.abc import Callable
from dataclasses import dataclass, field

from runbell.alerts.deliveries import Deliveries
from runbell.core.muting import Claim


@dataclass(slots=True)
class _Sent:
    by: str = ""
    at: float | None = None
    muted: set[str] = field(default_factory=set)


@dataclass(slots=True)
class VirtualMemory:
    """An AlertMemory. One evaluation runs at a time here, so nothing is ever busy.

    Args:
        now: gives the time, in seconds.
        deliveries: see `AlertMemory`.
    """

    now: Callable[[], float]
    deliveries: Deliveries = field(default_factory=Deliveries)
    _sent: dict[tuple[str, str], _Sent] = field(default_factory=dict)

    def claim(self, sensor_name: str, alert_key: str, evaluation: str, window_seconds: float) -> Claim:
        known = self._sent.setdefault((sensor_name, alert_key), _Sent())
        ago = None if known.at is None else self.now() - known.at
        if ago is None or ago > window_seconds:
            return Claim("granted", len(known.muted))
        if evaluation == known.by:
            return Claim("sent", len(known.muted), ago)
        known.muted.add(evaluation)
        return Claim("muted", len(known.muted), ago)

    def settle(self, sensor_name: str, alert_key: str, evaluation: str, _: float, *, sent: bool) -> None:
        if sent:
            self._sent[sensor_name, alert_key] = _Sent(evaluation, self.now())
