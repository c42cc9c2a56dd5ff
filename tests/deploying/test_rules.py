"""Prometheus itself takes the alert rules, and raises each of them when it should."""

import shutil
import subprocess

import pytest

from support.house import ROOT

FOLDER = ROOT / "docs" / "monitoring"


@pytest.mark.parametrize(
    "words", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml")], ids=" ".join
)
def test_promtool_is_content(words):
    assert shutil.which("promtool"), "promtool is missing: apt-get install --no-install-recommends prometheus"

    done = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
