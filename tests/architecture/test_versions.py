"""The two files of locked versions agree with each other and with what the project says it needs."""

import re
import tomllib
from importlib.metadata import requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.house import ROOT

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?: ; ([^\\]+?))?(?: \\)?$", re.MULTILINE)


def pins(name):
    return {canonicalize_name(package): (version, marker) for package, version, marker in PIN.findall(read(name))}


def test_the_image_installs_what_everyone_else_does():
    constraints, lock = pins("constraints.txt"), pins("requirements.lock")

    assert lock
    assert {package: constraints.get(package) for package in lock} == lock


def test_the_image_installs_all_that_is_needed_and_each_with_a_hash():
    needed, lock = set(), pins("requirements.lock")
    pending = [Requirement(text) for text in project()["dependencies"]]
    while pending:
        requirement = pending.pop()
        name = canonicalize_name(requirement.name)
        if name in needed or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        needed.add(name)
        texts = [Requirement(text) for text in requires(name) or []]
        extras = ["", *requirement.extras]
        pending += [r for r in texts if r.marker is None or any(r.marker.evaluate({"extra": e}) for e in extras)]

    assert needed - set(lock) == set()
    assert len(re.findall(r"^\S+==.* \\\n    --hash=sha256:", read("requirements.lock"), re.MULTILINE)) == len(lock)


def test_what_is_asked_for_is_what_is_locked():
    constraints = pins("constraints.txt")
    groups = [project()["dependencies"], *project()["optional-dependencies"].values()]
    asked = [Requirement(text) for group in groups for text in group]

    wrong = []
    for requirement in asked:
        version, _ = constraints.get(canonicalize_name(requirement.name), (None, None))
        if requirement.name != "runbell" and (version is None or version not in requirement.specifier):
            wrong.append(str(requirement))
    assert wrong == []


def test_no_registry_is_named():
    for name in ("constraints.txt", "requirements.lock"):
        assert "://" not in read(name)
        assert "index-url" not in read(name)


def project():
    return tomllib.loads(read("pyproject.toml"))["project"]


def read(name):
    return (ROOT / name).read_text()
