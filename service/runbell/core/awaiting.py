"""Answers that take the database: awaited on the event loop, waited for in a thread, or refused."""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

from runbell.core.errors import NotHereError

Given = TypeVar("Given")
Made = TypeVar("Made")

# wait(function, *args) calls a function that gives an awaitable, from the sensor's thread, and gives what it comes to.
Wait = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Then(Generic[Given, Made]):
    """An awaitable whose result is what `made` makes of another's."""

    awaitable: Awaitable[Given]
    made: Callable[[Given], Made]

    def __await__(self) -> Generator[Any, Any, Made]:
        return self.made((yield from self.awaitable.__await__()))


def cannot_wait(function: Callable[..., Any], *_: object) -> NoReturn:
    """The Wait of `async def` sensors, where waiting would block every other one on the event loop.

    Raises:
        NotHereError: always; it names the awaitable form.
    """
    name = getattr(function, "__name__", "")
    form = f"instance.{name}(...)" if name.startswith("aget_") else "aget_step_failure_events()"
    raise NotHereError(f"an async def sensor cannot wait in a plain call: use await context.{form}")
