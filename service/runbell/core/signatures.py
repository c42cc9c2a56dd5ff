"""What a sensor's function may look like: a name of its own, and no argument or the context."""

import inspect
from collections.abc import Callable
from typing import Any

from runbell.core.errors import DefinitionError
from runbell.core.sensors import Sensor
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


def takes_context(function: Callable[..., Any], sensor: str) -> bool:
    """Does it take the context, or nothing?

    Raises:
        DefinitionError: it asks for anything else.

    Example:
        >>> takes_context(lambda context: None, "greet")
        True
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise DefinitionError(
            f"sensor {sensor!r}: function={shown(function)} does not say what arguments it takes: wrap it in a def"
        ) from None
    contexts = [parameter for parameter in parameters if parameter.kind in BY_POSITION]
    for parameter in parameters:
        _refuse(parameter, sensor, is_context=parameter in contexts[:1])
    return bool(contexts)


def _refuse(parameter: inspect.Parameter, sensor: str, *, is_context: bool) -> None:
    # One by name alone that has a default is how a factory binds a value to its function; it can always be called.
    bound = parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.default is not inspect.Parameter.empty
    if is_context or bound:
        return
    if parameter.kind in BY_STAR:
        remedy = "is open: name the context alone, or take no argument"
    elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
        remedy = "must be given by name, which nobody does: take the context as the first argument and nothing else"
    else:
        remedy = "is one too many, and resources are not injected: take the context alone and make the rest yourself"
    raise DefinitionError(f"sensor {sensor!r}: parameter {str(parameter)!r} of its function {remedy}")
