"""Keeps out of a process what a library would import and the process never uses."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(package: str) -> Iterator[None]:
    """What is imported in the block finds that this package is not installed; what comes later finds it.

    Not where somebody else's code runs: what was imported in the block goes on without the package.

    Example:
        >>> with without("tabnanny"):
        ...     import tabnanny
        Traceback (most recent call last):
        ...
        ModuleNotFoundError: import of tabnanny halted; None in sys.modules
        >>> import tabnanny
    """
    if package in sys.modules:
        yield
        return
    # How Python itself notes that there is none; the stubs know of modules only.
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
