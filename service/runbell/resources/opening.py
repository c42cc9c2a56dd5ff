"""Sets up what a module declares as `resources`, for each evaluation, and tears it down behind it.

A value is given as it is, also one that could be entered, as Dagster does: most that can be entered (a client, a
connection) cannot be entered twice. A function is called for each evaluation: a generator is resumed afterwards, a
context manager that it returns is left, what an `async def` gives is awaited on the event loop. A function under
`functools.cache` is called once a process and its result is given as it is. Dagster's own resources go through Dagster.
"""

import contextlib
import inspect
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from runbell.core.dagster_resources import is_dagster_resource
from runbell.core.errors import RunbellError
from runbell.core.resource_kinds import CACHED, is_async, is_called, is_plain
from runbell.core.resources import Bound, refuse_undeclared
from runbell.resources.dagster import DagsterOpening

# in_thread(function) calls a function that may block, beside the event loop.
InThread = Callable[[Callable[[], Any]], Awaitable[Any]]


class Opening:
    """The resources of one evaluation: which are set up, and what to do for the others.

    Example:
        >>> opening = Opening(Bound({"greeting": lambda: "hello"}, {"said": "greeting"}, frozenset({"greeting"})))
        >>> opening.call(lambda said: said.upper())
        'HELLO'
    """

    __slots__ = ("_bound", "_stack", "_values")

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._values: dict[str, Any] = {}
        # Where a plain function's thread sets up what it looks at.
        self._stack: contextlib.ExitStack | None = None

    def call(self, function: Callable[..., Any]) -> Any:
        """`function(**resources)` between set-up and tear-down, all in this thread."""
        raised: BaseException | None = None
        with contextlib.ExitStack() as stack:
            try:
                return function(**self._set_up(stack))
            except BaseException as error:
                raised = error
                raise
            finally:
                self._stack = None
        raise _swallowed(raised)

    async def acall(self, function: Callable[..., Awaitable[Any]], in_thread: InThread) -> Any:
        """`await function(**resources)`, set up on the event loop; what may block is entered and left in a thread."""

        async def called() -> Any:
            return await function(**self._arguments())

        return await self._acall_with(self._bound.keys, called, in_thread)

    async def acall_around(self, function: Callable[[], Awaitable[Any]], in_thread: InThread) -> Any:
        """`await function()` between set-up and tear-down of what is async; the rest is set up by `call`, in there."""
        keys = {key for key in self._bound.keys if is_async(self._declared(key))}
        return await self._acall_with(keys, function, in_thread)

    async def _acall_with(
        self, keys: Collection[str], function: Callable[[], Awaitable[Any]], in_thread: InThread
    ) -> Any:
        raised: BaseException | None = None
        async with contextlib.AsyncExitStack() as stack:
            try:
                for key in sorted(keys):
                    with _named(key):
                        self._values[key] = await _aopened(self._declared(key), stack, in_thread)
                return await function()
            except BaseException as error:
                raised = error
                raise
        raise _swallowed(raised)

    def merged(self, resources: Mapping[str, Any]) -> "Opening":
        """See `Opened.merged`."""
        return Opening(Bound({**self._bound.declared, **resources})).kept_open()

    def kept_open(self) -> "Opening":
        """The same, for a context of a test: what is looked at is set up, and torn down when that is forgotten."""
        self._stack = contextlib.ExitStack()
        return self

    def close(self) -> None:
        """Tear down what a test's context has set up."""
        if self._stack is not None:
            self._values.clear()
            self._stack.close()

    @property
    def declared(self) -> Mapping[str, Any]:
        """As the module has them, by key."""
        return self._bound.declared

    def get(self, key: str) -> Any:
        """The resource; set up now if it is not yet.

        Raises:
            NotHereError: nobody declares it.
            RunbellError: it cannot be set up at this moment.
        """
        if key in self._values:
            return self._values[key]
        declared = self._declared(key)
        if is_plain(declared):
            return declared
        if self._stack is None or is_async(declared):
            raise RunbellError(
                f"context.resources.{key} is not set up: take it as an annotated parameter,"
                f" or write required_resource_keys={{{key!r}}}"
            )
        with _named(key):
            self._values[key] = _opened(declared, self._stack)
        return self._values[key]

    def _set_up(self, stack: contextlib.ExitStack) -> dict[str, Any]:
        self._stack = stack
        for key in sorted(self._bound.keys):
            self._values[key] = self.get(key)
        return self._arguments()

    def _arguments(self) -> dict[str, Any]:
        return {parameter: self._values[key] for parameter, key in self._bound.parameters.items()}

    def _declared(self, key: str) -> Any:
        if key not in self._bound.declared:
            refuse_undeclared(key, self._bound.declared)
        return self._bound.declared[key]


def _opened(declared: Any, stack: contextlib.ExitStack) -> Any:
    if isinstance(declared, CACHED):
        return declared()
    made = declared() if is_called(declared) else declared
    manager = _manager_of(made)
    if manager is None:
        return made
    if hasattr(manager, "__enter__"):
        return stack.enter_context(manager)
    raise RunbellError("it is async, but what gives it is not: write `async def` for it")


async def _aopened(declared: Any, stack: contextlib.AsyncExitStack, in_thread: InThread) -> Any:
    if is_plain(declared):
        return declared
    if isinstance(declared, CACHED):
        return await in_thread(declared)
    here = is_async(declared)
    made = declared
    if is_called(declared):
        made = declared() if here else await in_thread(declared)
    if inspect.iscoroutine(made):
        made = await made
    manager = _manager_of(made)
    if manager is None:
        return made
    if hasattr(manager, "__aenter__"):
        return await stack.enter_async_context(manager)
    if hasattr(manager, "__enter__"):
        return await stack.enter_async_context(_Elsewhere(manager, in_thread))
    return await manager


def _manager_of(made: Any) -> Any:
    """What is entered or awaited to have it; None: it is had already."""
    if is_dagster_resource(made):
        return DagsterOpening(made)
    if inspect.isgenerator(made):
        return contextlib.contextmanager(lambda: made)()
    if inspect.isasyncgen(made):
        return contextlib.asynccontextmanager(lambda: made)()
    kind = type(made)
    entered = hasattr(kind, "__enter__") or hasattr(kind, "__aenter__")
    return made if entered or inspect.isawaitable(made) else None


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """A context manager that may block: entered and left in a thread."""

    inner: Any
    in_thread: InThread

    async def __aenter__(self) -> Any:
        return await self.in_thread(self.inner.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        swallowed: bool | None = await self.in_thread(lambda: self.inner.__exit__(kind, error, trace))
        return swallowed


@contextlib.contextmanager
def _named(key: str) -> Iterator[None]:
    """Whatever goes wrong in the body says of which resource it was."""
    try:
        yield
    except Exception as error:
        error.add_note(f"while resource {key!r} was set up")
        raise


def _swallowed(raised: BaseException | None) -> BaseException:
    """A resource's tear-down must not make a success of a function that failed."""
    return raised if raised is not None else RunbellError("a resource swallowed what was raised")
