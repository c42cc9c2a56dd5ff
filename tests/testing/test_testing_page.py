"""The tests that docs/testing.md shows pass, in a project of somebody who has installed Runbell."""

import re
import subprocess
import sys
from pathlib import Path

from runbell.testing import Evaluated, Happened
from support.house import ROOT
from support.processes import environment

PAGE = (ROOT / "docs" / "testing.md").read_text()
BLOCKS = re.findall(r"^```python( test)?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FRESH = """
import pytest


@pytest.fixture(autouse=True)
def _fresh():
    PAGED.clear()
    pager.working = True
"""


def test_all_of_them_pass(tmp_path: Path) -> None:
    (sensors,) = (body for is_test, body in BLOCKS if not is_test)
    tests = "\n".join(body for is_test, body in BLOCKS if is_test)
    (tmp_path / "sensors.py").write_text(sensors)
    (tmp_path / "test_sensors.py").write_text(f"from sensors import *\n{FRESH}\n{tests}")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", tmp_path],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(tmp_path), PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        check=False,
    )

    count = len(re.findall(r"^def test_", tests, re.MULTILINE))
    assert f"{count} passed" in done.stdout, done.stdout + done.stderr
    assert count == 11


def test_all_that_can_be_said_and_seen_is_named() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))

    assert Happened.__annotations__.keys() - named == set()
    assert Evaluated.__annotations__.keys() - named == set()
