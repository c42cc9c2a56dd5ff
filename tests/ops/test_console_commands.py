"""The commands that the pages of the console name exist, with their options."""

import ast
import re
from pathlib import Path

import pytest

from runbell.ops.cli import COMMANDS
from runbell.ops.console import pages, site
from support.commands import explained


def commands():
    """The words of each list in the code of the pages that begins with a command."""
    for module in (pages, site):
        tree = ast.parse(Path(module.__file__).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.List) and node.elts and isinstance(node.elts[0], ast.Constant):
                words = [part.value for part in node.elts if isinstance(part, ast.Constant)]
                if words[0] in COMMANDS:
                    yield tuple(word for word in words if not word.isupper())


def test_there_are_some():
    assert len(set(commands())) > 10


@pytest.mark.parametrize("words", sorted(set(commands())), ids=" ".join)
def test_it_exists_with_its_options(words):
    names = [word for word in words if not word.startswith("--") and word != "1h"]
    done = explained(*names)

    assert done.code == 0, done.stderr
    assert {word for word in words if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", done.stdout))
