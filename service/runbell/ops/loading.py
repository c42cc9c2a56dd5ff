"""Loads the sensors module: what the operator named is imported, and every module attribute that is a sensor is one."""

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from runbell.core.binding import bound
from runbell.core.errors import DefinitionError, LoadingError
from runbell.core.sensors import Sensor
from runbell.ops.folders import find_folder
from runbell.ops.import_failures import TWO_WAYS, sentence_of
from runbell.ops.resources import declared_resources

DEFAULT = "sensors"


@dataclass(frozen=True, slots=True)
class LoadedSensors:
    """The module's name, and its sensors in the order in which they stand there."""

    module: str
    sensors: tuple[Sensor, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a module is imported from: the folder that goes on `sys.path`, and the dotted name below it."""

    root: Path
    module: str
    path: Path | None = None


def load_sensors(given: str | None) -> LoadedSensors:
    """The sensors of a module, and, if it is a package, of all modules in it (tests left out).

    Args:
        given: a module's name, or the path of a file or folder; None is `sensors` in the current folder.

    Raises:
        LoadingError: it cannot be imported, holds no sensor, or two of the same name; the original error is chained.

    Example:
        >>> load_sensors(str(find_examples())).sensors[0].name
        'alert_on_failure'
    """
    place = _place(given)
    if str(place.root) not in sys.path[:1]:
        # In front, and for good: what the functions import when they are called is found there too.
        sys.path.insert(0, str(place.root))
    importlib.invalidate_caches()
    # What a module prints while it is imported must not stand between a command's own lines.
    with redirect_stdout(sys.stderr):
        modules = list(_imported(place.module, place))
    _refuse_another(modules[0], place)
    sensors = {id(value): value for module in modules for value in vars(module).values() if isinstance(value, Sensor)}
    if not sensors:
        raise LoadingError(
            f"{_said(place)} has no sensors: a sensor is an attribute of the module, made with"
            " @run_status_sensor or @run_failure_sensor"
        )
    _refuse_doubled(list(sensors.values()))
    try:
        declared = declared_resources(modules)
        return LoadedSensors(place.module, tuple(bound(sensor, declared) for sensor in sensors.values()))
    except DefinitionError as error:
        raise LoadingError(str(error)) from error


def find_examples() -> Path:
    """The folder of the example sensors, for `dev`."""
    return find_folder("sensors")


def _place(given: str | None) -> Place:
    here = Path.cwd()
    if not given:
        for path in (here / f"{DEFAULT}.py", here / DEFAULT):
            if path.exists():
                return Place(here, DEFAULT, path)
        raise LoadingError(f"there is no module {DEFAULT!r} in {here}: create {DEFAULT}.py there, or {TWO_WAYS}")
    path = Path(given).expanduser()
    if given.endswith(".py") or path.name != given or not given.replace(".", "_").isidentifier():
        return _place_of(path.absolute(), given)
    return Place(here, given)


def _place_of(path: Path, given: str) -> Place:
    """A file inside a package is imported as part of it, so that its own imports work."""
    if not path.exists():
        raise LoadingError(f"there is no {given!r}: {TWO_WAYS}")
    if path.is_file() and path.suffix != ".py":
        raise LoadingError(f"{given!r} is no Python file: {TWO_WAYS}")
    path = path.resolve()
    names, root = [path.stem if path.is_file() else path.name], path.parent
    while (root / "__init__.py").is_file():
        names, root = [root.name, *names], root.parent
    if names[-1] == "__init__":
        names = names[:-1]
    if any("." in name for name in names):
        raise LoadingError(f"{given!r} cannot be imported, because of the dot in its name: rename it")
    return Place(root, ".".join(names), path)


def _imported(name: str, place: Place) -> Iterator[ModuleType]:
    try:
        module = importlib.import_module(name)
    # An exit or an interrupt at import is the module's mistake too.
    except BaseException as error:
        raise LoadingError(sentence_of(error, wanted=name, place=_said(place), root=place.root)) from error
    yield module
    for found in pkgutil.iter_modules(getattr(module, "__path__", ())):
        if not _is_test(found.name):
            yield from _imported(f"{name}.{found.name}", place)


def _is_test(name: str) -> bool:
    """Tests beside the sensors need what production has not; and `__main__` is a program."""
    return name in {"tests", "test", "conftest", "__main__"} or name.startswith("test_")


def _refuse_another(module: ModuleType, place: Place) -> None:
    if place.path is None:
        return
    origin = getattr(module, "__file__", None)
    found = [Path(origin)] if origin else [Path(path) for path in getattr(module, "__path__", ())]
    if any(path.resolve() in {place.path.resolve(), place.path.resolve() / "__init__.py"} for path in found):
        return
    raise LoadingError(
        f"{place.path} cannot be imported: the name {place.module!r} belongs to {origin or 'another module'};"
        " rename it, or put an __init__.py into a folder that has none"
    )


def _refuse_doubled(sensors: list[Sensor]) -> None:
    by_name: dict[str, Sensor] = {}
    for sensor in sensors:
        other = by_name.setdefault(sensor.name, sensor)
        if other is not sensor:
            raise LoadingError(
                f"two sensors are named {sensor.name!r}, at {other.declared_at} and at {sensor.declared_at}:"
                " give one of them another name="
            )


def _said(place: Place) -> str:
    return f"the sensors module {place.module!r}" if place.path is None else str(place.path)
