"""What the moving guide shows exists: its commands with their options, and its settings."""

import re

import pytest

from runbell.ops.settings import PREFIX, Settings
from support.commands import explained
from support.house import ROOT

GUIDE = (ROOT / "docs" / "from-dagster.md").read_text()
SHOWN = re.findall(r"^ *(runbell [^#\n]+)", GUIDE, re.MULTILINE)


def test_only_settings_that_exist_are_named():
    named = set(re.findall(r"RUNBELL_[A-Z_]*[A-Z]", GUIDE))

    assert named
    assert named <= {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("command", sorted(set(SHOWN)))
def test_every_command_that_is_shown_exists_with_its_options(command):
    words = command.split()[1:]
    names = [word for word in words if word.isalpha()][:2]
    said = [done.stdout for count in (1, 2) if (done := explained(*names[:count])).code == 0]

    assert {word for word in words if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", "".join(said)))
