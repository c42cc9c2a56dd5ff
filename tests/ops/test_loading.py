"""Loading the sensors module: each way to name it, and the sentence for each way to get it wrong."""

import sys

import pytest

from runbell.core.errors import DefinitionError, LoadingError
from runbell.ops import folders
from runbell.ops.loading import find_examples, load_sensors
from support.modules import own_modules

ONE = """
import runbell

@runbell.run_failure_sensor
def {name}(context): ...
"""


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    """An empty current folder, nothing imported from another one, and afterwards everything as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(find_examples().parent)])
    with own_modules():
        yield


@pytest.fixture
def write(tmp_path):
    def write(path, text=None):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(ONE.format(name=file.stem) if text is None else text, encoding="utf-8")
        return str(file)

    return write


def names(given=None):
    return [sensor.name for sensor in load_sensors(given).sensors]


def refused(given=None):
    with pytest.raises(LoadingError) as caught:
        load_sensors(given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_default_is_sensors_in_the_current_folder(write):
    write("sensors.py")

    assert names() == ["sensors"]
    assert load_sensors(None).module == "sensors"


def test_the_default_may_be_a_folder_with_or_without_init(write):
    write("sensors/alerts.py")
    write("sensors/deep/__init__.py", "")
    write("sensors/deep/chaining.py")
    write("sensors/tests/__init__.py", "import a_package_for_tests_alone")
    write("sensors/test_alerts.py", "import a_package_for_tests_alone")
    write("sensors/conftest.py", "import a_package_for_tests_alone")
    write("sensors/__main__.py", "raise SystemExit")

    assert names() == ["alerts", "chaining"]


@pytest.mark.parametrize(
    "given", ["mine.alerts", "mine/alerts.py", "./mine/alerts.py", "mine", "mine/", "mine/__init__.py"]
)
def test_a_module_can_be_named_in_each_way(write, given):
    write("mine/__init__.py", "")
    write("mine/shared.py", "NAME = 'shared'")
    write("mine/alerts.py", ONE.format(name="alert") + "from mine.shared import NAME")

    assert names(given) == ["alert"]


def test_a_path_works_from_any_folder_and_with_any_name(write, tmp_path, monkeypatch):
    path = write("elsewhere/my-sensors.py", ONE.format(name="alert") + "import neighbour")
    write("elsewhere/neighbour.py", "")
    monkeypatch.chdir("/")

    assert names(path) == ["alert"]


def test_sensors_made_by_a_factory_count_and_one_seen_twice_counts_once(write):
    write("sensors/__init__.py", "from sensors.made import *")
    write(
        "sensors/made.py",
        """
import runbell

def make(job):
    @runbell.run_failure_sensor(name=f"watch_{job}", monitored_jobs=[job])
    def watch(context): ...
    return watch

one, two = make("one"), make("two")
again = one
""",
    )

    assert names() == ["watch_one", "watch_two"]


def test_what_a_module_prints_goes_to_stderr(write, capsys):
    write("sensors.py", "print('hello')" + ONE.format(name="alert"))

    assert names() == ["alert"]
    assert capsys.readouterr() == ("", "hello\n")


def test_nothing_in_the_current_folder_is_said_with_the_two_ways_to_give_one(tmp_path):
    sentence = refused()

    assert f"no module 'sensors' in {tmp_path}: create sensors.py there" in sentence
    assert "--sensors or RUNBELL_SENSORS" in sentence


@pytest.mark.parametrize("given", ["nowhere", "nowhere.at_all", "nowhere.py", "no-where", "./nowhere"])
def test_what_is_not_there_is_named(given):
    sentence = refused(given)

    assert sentence.startswith("there is no")
    assert "nowhere" in sentence or "no-where" in sentence
    assert "RUNBELL_SENSORS" in sentence


BROKEN = {
    "syntax error": ("x = 1\ndef (:", "sensors.py:2 is not valid Python: invalid syntax"),
    "NUL in the source": ("x = '\x00'", "is not valid Python: source code string cannot contain null bytes"),
    "raises": ("x = 1\nx / 0", "cannot be imported: ZeroDivisionError: division by zero ("),
    "raises below": ("import json\n\njson.loads('{')", "sensors.py:3)"),
    "exits": ("import sys\nsys.exit(3)", "ends the process while it is imported (SystemExit: 3)"),
    "interrupts": ("raise KeyboardInterrupt", "ends the process while it is imported (KeyboardInterrupt: )"),
    "misses a package": (
        "\nimport slack_of_nowhere.web",
        "needs the package 'slack_of_nowhere', which is not installed",
    ),
    "misses a name": ("from json import nothing", "cannot be imported: ImportError: cannot import name 'nothing'"),
    "no sensors": ("x = 1", "sensors.py has no sensors: a sensor is an attribute of the module"),
    "two of one name": (
        ONE.format(name="alert") + "first = alert" + ONE.format(name="alert"),
        "two sensors are named 'alert', at ",
    ),
}


@pytest.mark.parametrize(("text", "said"), BROKEN.values(), ids=BROKEN)
def test_a_module_that_cannot_be_used_is_one_sentence_with_its_line(write, text, said):
    write("sensors.py", text)

    assert said in refused()


def test_two_sensors_of_one_name_are_both_named(write):
    write("sensors/a.py", ONE.format(name="alert"))
    write("sensors/b.py", ONE.format(name="alert"))
    sentence = refused()

    assert "sensors/a.py:4 and at " in sentence
    assert "sensors/b.py:4: give one of them another name=" in sentence


def test_an_authors_mistake_is_passed_on_with_its_line_and_chained(write):
    write("sensors.py", "import runbell\n@runbell.run_failure_sensor(retry=3)\ndef alert(context): ...\n")

    sentence = refused()
    assert sentence.startswith("sensor 'alert': retry=3 is no runbell.RetryPolicy")
    assert sentence.endswith("sensors.py:2)")
    with pytest.raises(LoadingError) as caught:
        load_sensors(None)
    assert isinstance(caught.value.__cause__, DefinitionError)


def test_a_name_that_belongs_to_another_module_is_refused(write):
    assert "the name 'json' belongs to" in refused(write("json.py"))
    assert "because of the dot in its name" in refused(write("a.b.py"))
    assert "is no Python file" in refused(write("sensors.txt"))


def test_the_examples_are_never_found_by_accident_and_always_on_purpose():
    assert "no module 'sensors'" in refused()
    assert load_sensors(str(find_examples())).sensors


def test_the_folders_of_a_wheel_are_found_inside_the_package(tmp_path, monkeypatch):
    package = tmp_path / "lib" / "site-packages" / "runbell"
    (package / "_examples").mkdir(parents=True)
    monkeypatch.setattr(folders, "PACKAGE", package)

    assert folders.find_folder("sensors") == package / "_examples"


def test_a_folder_without_init_that_another_package_hides_is_refused_by_name(write, tmp_path, monkeypatch):
    write("sensors/alerts.py")
    write("installed/sensors/__init__.py", ONE.format(name="theirs"))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "installed")])

    assert "put an __init__.py into a folder that has none" in refused()
