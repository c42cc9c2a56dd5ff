"""Modules that a test imports into its own process, forgotten afterwards."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_modules() -> Iterator[None]:
    """In the body no module `sensors` has been imported yet; afterwards modules and path are those from before."""
    before, path = dict(sys.modules), list(sys.path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "sensors"]:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in sys.modules.keys() - before.keys():
            del sys.modules[name]
        sys.modules.update(before)
        sys.path[:] = path
