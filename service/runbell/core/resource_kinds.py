"""What kinds of resources there are: how each is had, told from the value that a module declares for it."""

import contextlib
import functools
import inspect
from types import AsyncGeneratorType, BuiltinFunctionType, FunctionType, GeneratorType, MethodType
from typing import Annotated, Any, TypeVar

from runbell.core.dagster_resources import is_dagster_resource, is_dagster_resource_class

T = TypeVar("T")
RESOURCE_PARAM = "resource_param"
# Says of a parameter's type that it is a resource's; Dagster's own is written alike and is understood too.
ResourceParam = Annotated[T, RESOURCE_PARAM]

CACHED = type(functools.cache(print))
CALLED = (type, functools.partial, FunctionType, MethodType, BuiltinFunctionType)
# What calling a function decorated with one of these gives.
_ONCE: tuple[type, ...] = (
    type(contextlib.contextmanager(iter)([])),
    type(contextlib.asynccontextmanager(iter)([])),  # type: ignore[arg-type]
    GeneratorType,
    AsyncGeneratorType,
)


def is_resource_type(annotation: object) -> bool:
    """Does this annotation say that a parameter is a resource, and not the context?

    Example:
        >>> is_resource_type(ResourceParam[str]), is_resource_type(str)
        (True, False)
    """
    return RESOURCE_PARAM in getattr(annotation, "__metadata__", ()) or is_dagster_resource_class(annotation)


def is_plain(declared: object) -> bool:
    """Is it given as it is, with nothing to set up or to tear down?"""
    return not (is_called(declared) or isinstance(declared, CACHED) or is_dagster_resource(declared))


def is_enterable(declared: object) -> bool:
    """Is it given as it is, though it could be entered? Somebody may have meant that."""
    kind = type(declared)
    return is_plain(declared) and (hasattr(kind, "__enter__") or hasattr(kind, "__aenter__"))


def is_async(declared: object) -> bool:
    """Is setting it up to be awaited?"""
    if isinstance(declared, type):
        return hasattr(declared, "__aenter__") and not hasattr(declared, "__enter__")
    if not is_called(declared):
        return False
    while isinstance(declared, functools.partial):
        declared = declared.func
    function: Any = inspect.unwrap(declared)  # type: ignore[arg-type]
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def why_unusable(declared: object) -> str | None:
    """Why this can be no resource, as the end of a sentence; None if it can.

    Example:
        >>> why_unusable(x for x in "ab")
        'can be used once only: give the function itself, without calling it'
    """
    if isinstance(declared, _ONCE):
        return "can be used once only: give the function itself, without calling it"
    if inspect.iscoroutine(declared):
        declared.close()
        return "can be awaited once only: give the async def itself, without calling it"
    if isinstance(declared, CACHED) and _returns_what_is_used_once(declared):
        return "is cached, but what it returns can be used once only: leave functools.cache out"
    return None


def is_called(declared: object) -> bool:
    """Is it called for each evaluation?"""
    return isinstance(declared, CALLED)


def _returns_what_is_used_once(cached: Any) -> bool:
    function = inspect.unwrap(cached)
    return (
        inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
        or inspect.iscoroutinefunction(function)
    )
