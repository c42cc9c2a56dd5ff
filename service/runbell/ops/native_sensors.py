"""What a sensors module holds of Dagster's own, if it has loaded Dagster at all."""

import sys
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runbell.core.errors import LoadingError
from runbell.ops.import_failures import sentence_of

if TYPE_CHECKING:
    from runbell.core.sensors import Sensor


@dataclass(frozen=True, slots=True)
class Native:
    """What was found: see `LoadedSensors`."""

    sensors: "tuple[Sensor, ...]" = ()
    left: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def find_native(values: Iterable[object], place: str, root: Path) -> Native:
    """What there is of Dagster's among these attributes of modules; nothing, where nobody has loaded Dagster.

    Args:
        values: the attributes.
        place: how the operator knows the module.
        root: the folder that it comes from.

    Raises:
        LoadingError: Dagster refuses the definitions.

    Example:
        >>> find_native([], "sensors.py", Path("/srv"))
        Native(sensors=(), left=(), unlisted=(), resources={})
    """
    if "dagster" not in sys.modules:
        return Native()
    from runbell.sources.dagster.finding import find

    try:
        with redirect_stdout(sys.stderr):
            found = find(values)
    except LoadingError:
        raise
    # Resolving definitions runs the author's code and Dagster's checks of it.
    except Exception as error:
        raise LoadingError(sentence_of(error, wanted=place, place=place, root=root)) from error
    return Native(found.sensors, found.left, found.unlisted, found.resources)
