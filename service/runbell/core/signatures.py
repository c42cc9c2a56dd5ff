"""What a sensor's function may look like: a name of its own, and no argument, the context, annotated resources."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from runbell.core.errors import DefinitionError
from runbell.core.resource_kinds import is_resource_type
from runbell.core.sensors import Sensor, code_owner
from runbell.core.text import shown, why_unstorable

BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
BY_STAR = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def name_of(function: Any, given: object) -> str:
    """The sensor's name: the one given, else the function's.

    Raises:
        DefinitionError: there is none that can stand in a database.

    Example:
        >>> name_of(len, None)
        'len'
    """
    own = getattr(function, "__name__", None)
    if given is None and (own is None or own == "<lambda>"):
        raise DefinitionError(f"sensor {shown(function)}: name=None: it has no name of its own: give name='...'")
    name = own if given is None else given
    if not isinstance(name, str) or not name.strip():
        raise DefinitionError(f"sensor {shown(own)}: name={shown(name)} is not a name: give a text that is not empty")
    if reason := why_unstorable(name):
        raise DefinitionError(f"sensor {shown(own)}: name={shown(name)} {reason}: give another name")
    return name


def refuse_what_is_no_function(decorator: str, given: object) -> None:
    """Says what else was decorated.

    Raises:
        DefinitionError: it is no function.
    """
    if isinstance(given, Sensor):
        remedy = "is a sensor already: use one decorator and give it several statuses as a list"
    elif isinstance(given, type):
        remedy = "is a class: decorate a function"
    elif not callable(given):
        remedy = "cannot be called: decorate a function"
    else:
        return
    name = getattr(given, "name", None) or getattr(given, "__name__", None) or given
    raise DefinitionError(f"sensor {shown(name)}: @{decorator} was put on {shown(given)}, which {remedy}")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a function asks for: the context or not, and resources, as parameters with their types."""

    takes_context: bool
    resources: Mapping[str, Any]


def parameters_of(function: Callable[..., Any], sensor: str) -> Parameters:
    """What its function is to be given.

    The first parameter is the context, unless its annotation says that it is a resource; all others are resources and
    have an annotation.

    Raises:
        DefinitionError: it asks for anything else.

    Example:
        >>> parameters_of(lambda context: None, "greet")
        Parameters(takes_context=True, resources={})
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise DefinitionError(
            f"sensor {sensor!r}: function={shown(function)} does not say what arguments it takes: wrap it in a def"
        ) from None
    types = _types_of(function)
    context = next((one for one in parameters[:1] if _is_context(one, types.get(one.name))), None)
    resources = {}
    for parameter in parameters:
        if parameter is context or _is_bound(parameter):
            continue
        _refuse(parameter, sensor, is_alone=len(parameters) == 1)
        resources[parameter.name] = types.get(parameter.name, parameter.annotation)
    return Parameters(context is not None, resources)


def _types_of(function: Any) -> dict[str, Any]:
    """The annotations; those that cannot be evaluated here stay texts, with the parameter."""
    named = code_owner(function)
    try:
        return get_type_hints(named, include_extras=True)
    except Exception:  # noqa: BLE001 - an annotation is the author's code, and may raise anything
        return {}


def _is_context(parameter: inspect.Parameter, annotation: object) -> bool:
    return parameter.kind in BY_POSITION and not is_resource_type(annotation)


def _is_bound(parameter: inspect.Parameter) -> bool:
    """One by name alone that has a default is how a factory binds a value to its function; it can always be called."""
    return parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.default is not inspect.Parameter.empty


def _refuse(parameter: inspect.Parameter, sensor: str, *, is_alone: bool) -> None:
    if parameter.kind in BY_STAR:
        remedy = "is open: name the context, and each resource with its type"
    elif parameter.kind is inspect.Parameter.POSITIONAL_ONLY and not is_alone:
        remedy = "can be given by position only, and resources are given by name: leave the / out"
    elif parameter.annotation is not inspect.Parameter.empty:
        return
    elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
        remedy = "must be given by name: take the context as the first argument, or annotate a resource with its type"
    else:
        remedy = "is no context, and no resource without its type: annotate it, such as `slack: SlackResource`"
    raise DefinitionError(f"sensor {sensor!r}: parameter {str(parameter)!r} of its function {remedy}")
