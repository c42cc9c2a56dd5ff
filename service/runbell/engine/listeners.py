"""Who is told what of a supervisor's workers."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from runbell.engine.channel import Ready


@dataclass(slots=True, kw_only=True)
class Listeners:
    """By number of worker: its counts, and that it has ended; of all: that they have begun, and have been reloaded."""

    started: Callable[[Ready], None] = lambda _: None
    reloaded: Callable[[Ready], None] = lambda _: None
    counted: Callable[[int, msgspec.Raw], None] = lambda _, __: None
    ended: Callable[[int], None] = lambda _: None
