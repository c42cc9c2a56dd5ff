"""The command line itself."""

from importlib.metadata import version

import pytest

from runbell.ops.cli import COMMANDS
from support.processes import runbell


def test_the_version_is_that_of_the_package():
    assert runbell("--version").stdout == f"{version('runbell')}\n"


def test_every_command_is_listed():
    said = runbell("--help").stdout

    assert [name for name in COMMANDS if f" {name} " not in said] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_loaded_and_explains_itself(name):
    done = runbell(name, "--help")

    assert done.code == 0, done.stderr
    assert "Usage: runbell" in done.stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], ["migrate", "--nonsense"], ["serve", "extra"]])
def test_what_is_not_understood_ends_with_2_and_no_traceback(arguments):
    done = runbell(*arguments)

    assert done.code == 2
    assert arguments[-1] in done.stderr
    assert "Traceback" not in done.stderr
