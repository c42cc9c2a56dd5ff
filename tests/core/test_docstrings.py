"""The examples in docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

import runbell.alerts
import runbell.core
import runbell.resources
import runbell.testing

MODULES = [
    "runbell",
    "runbell.ops.loading",
    "runbell.ops.import_failures",
    "runbell.ops.imports",
    "runbell.ops.folders",
    "runbell.ops.metrics",
    "runbell.ops.http",
    *(f"runbell.alerts.{found.name}" for found in pkgutil.iter_modules(runbell.alerts.__path__)),
    *(f"runbell.resources.{found.name}" for found in pkgutil.iter_modules(runbell.resources.__path__)),
    *(f"runbell.testing.{found.name}" for found in pkgutil.iter_modules(runbell.testing.__path__)),
    *(f"runbell.core.{found.name}" for found in pkgutil.iter_modules(runbell.core.__path__)),
]


@pytest.mark.parametrize("name", MODULES)
def test_every_example_gives_what_it_says(name):
    failed, _ = doctest.testmod(importlib.import_module(name))

    assert failed == 0
