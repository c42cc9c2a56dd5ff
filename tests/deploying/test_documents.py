"""What the documents say: links lead somewhere, commands and settings exist, and their site asks nobody else."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
import yaml

from runbell.ops.cli import COMMANDS
from runbell.ops.settings import PREFIX, Settings
from support.commands import explained
from support.house import ROOT

DOCUMENTS = sorted(
    [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"]
)
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SETTINGS = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


def names(path):
    return str(path.relative_to(ROOT))


def commands():
    """Each `runbell ...` in a block of commands, as words, with where it stands."""
    for path in DOCUMENTS:
        for kind, body in BLOCK.findall(path.read_text()):
            for line in body.splitlines() if kind == "console" else ():
                words = line.partition("#")[0].split()
                if words[:1] == ["runbell"]:
                    yield tuple(words[1:])


@pytest.mark.parametrize("path", DOCUMENTS, ids=names)
def test_links_lead_to_what_there_is(path):
    missing = []
    for target, place in re.findall(r"\]\(([^)#\s]*)(#[^)\s]*)?\)", path.read_text()):
        if "://" in target:
            continue
        found = (path.parent / target) if target else path
        if not found.exists() or (place and place[1:] not in places(found)):
            missing.append(target + place)

    assert missing == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=names)
def test_settings_that_are_named_exist(path):
    named = set(re.findall(r"\bRUNBELL_[A-Z_]*[A-Z]\b", path.read_text()))

    assert named <= SETTINGS


@pytest.mark.parametrize("path", DOCUMENTS, ids=names)
def test_what_is_yaml_can_be_read(path):
    for kind, body in BLOCK.findall(path.read_text()):
        if kind == "yaml":
            assert yaml.safe_load(body)


@pytest.mark.parametrize("words", sorted(set(commands())), ids=" ".join)
def test_commands_that_are_shown_exist_with_their_options(words):
    assert words[0] in COMMANDS
    said = []
    for count in range(1, len(words) + 1):
        if words[count - 1].startswith("-"):
            break
        done = explained(*words[:count])
        if done.code == 0:
            said.append(done.stdout)

    known = set(re.findall(r"--[a-z-]+", " ".join(said)))
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


def test_pictures_that_are_shown_show_every_page_by_day_and_by_night():
    taken = {path.stem for path in (ROOT / "docs" / "images").glob("*.png")}
    pages = {name.rpartition("-")[0] for name in taken}

    assert taken == {f"{page}-{scheme}" for page in pages for scheme in ("light", "dark")}
    assert {"overview", "sensor", "run", "requests", "request", "dead-letters", "dead-letter", "replicas"} <= pages


def test_the_site_is_built_and_asks_no_other_host(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        parser = Loaded()
        parser.feed(page.read_text())
        assert [address for address in parser.addresses if "//" in address] == [], page
    sheets = [*tmp_path.rglob("*.css"), *tmp_path.rglob("*.js")]
    assert [path for path in sheets if re.search(r"(?:@import|url\()[\"' ]*(?:https?:)?//", path.read_text())] == []


class Loaded(HTMLParser):
    """What a page has its browser load by itself."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in {"script", "img", "iframe", "source", "link"}:
            self.addresses += [given[name] for name in ("src", "href") if given.get(name)]


def places(path):
    """The places within a document that a link may name."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
