"""The resources of a sensors module: where they are found, and the sentence for what is wrong with them."""

import json
import sys

import pytest

from runbell.core.errors import LoadingError
from runbell.ops.loading import load_sensors
from support.processes import runbell

SENSOR = """
import runbell
{resources}

@runbell.run_failure_sensor
def alert(context, slack: str): ...

@runbell.run_failure_sensor(required_resource_keys={{"slack"}})
def alert_again(context): ...
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(text, **more):
        (tmp_path / "a_package").mkdir()
        for name, content in {"__init__": "", "alerts": SENSOR.format(resources=text), **more}.items():
            (tmp_path / "a_package" / f"{name}.py").write_text(content, encoding="utf-8")
        return str(tmp_path / "a_package")

    yield write
    for name in sys.modules.keys() - before:
        del sys.modules[name]


def refused(given):
    with pytest.raises(LoadingError) as caught:
        load_sensors(given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_they_are_found_in_the_module_and_beside_it(module):
    there = module("resources = {'slack': 'here'}", resources="resources = {'db': 'there'}")

    alert, again = load_sensors(there).sensors

    assert alert.resources.declared == again.resources.declared == {"slack": "here", "db": "there"}
    assert (alert.resources.parameters, alert.resources.keys) == ({"slack": "slack"}, {"slack"})
    assert (again.resources.parameters, again.resources.keys) == ({}, {"slack"})


def test_one_that_two_modules_share_is_one(module):
    there = module("from a_package.shared import resources", shared="resources = {'slack': object()}")

    assert len(load_sensors(there).sensors) == 2


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ("", "sensor 'alert': parameter 'slack' of its function is a resource that is not declared: write resources"),
        ("resources = {'db': 1}", "(declared: db)"),
        ("resources = ['slack']", "a_package.alerts.resources is ['slack'], but it must be a dict of resources by key"),
        ("resources = {'slack': (x for x in 'a')}", "resources of a_package.alerts: 'slack' can be used once only"),
    ],
)
def test_a_mistake_is_one_sentence(module, resources, said):
    assert said in refused(module(resources))


def test_two_of_one_key_are_a_mistake(module):
    there = module("resources = {'slack': 'one'}", others="resources = {'slack': 'another'}")

    assert refused(there) == (
        "a_package.alerts and a_package.others both declare a resource 'slack': give one of them another key"
    )


def test_check_lists_them_and_says_what_is_never_entered(module):
    there = module("resources = {'slack': open(__file__)}")

    done = runbell("check", "--sensors", there)
    listed = json.loads(runbell("check", "--sensors", there, "--json").stdout)

    assert done.code == 0
    assert "  resources slack\n" in done.stdout
    assert "note      resource slack is given as it is and never entered" in done.stdout
    assert [row["resources"] for row in listed] == [["slack"], ["slack"]]


def test_serve_ends_with_one_sentence(module):
    done = runbell("serve", "--sensors", module(""), RUNBELL_DATABASE_URL="postgresql://127.0.0.1:1/none")

    assert done.code == 2
    assert "is a resource that is not declared" in done.stderr
    assert len(done.stderr.splitlines()) == 1
