"""Fills templates in. Everything is escaped unless a template says otherwise, and none does."""

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib import resources
from urllib.parse import urlencode

import jinja2

from runbell.core.durations import spoken
from runbell.ops.console.looking import Page

ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", "'": "\\'"}
ASSETS = {"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"}


@cache
def asset(name: str) -> bytes:
    """A file that pages refer to."""
    return resources.files("runbell.ops.console").joinpath("assets", name).read_bytes()


@cache
def asset_path(name: str) -> str:
    """Where it is found: another path for another content, so that a browser may keep it."""
    return f"/assets/{sha256(asset(name)).hexdigest()[:12]}/{name}"


def render(page: Page, **shell: object) -> str:
    """The page as HTML; `shell` is what stands around every page."""
    template = _environment().get_template(page.template)
    return template.render(page.values, title=page.title, commands=list(map(command, page.commands)), **shell)


def command(given: tuple[str, Sequence[str]]) -> tuple[str, str]:
    """What a command is for, and the command as a shell takes it, whatever its words contain.

    Example:
        >>> command(("stop it", ["sensors", "stop", "it's; rm -rf /"]))
        ('stop it', "runbell sensors stop 'it'\\"'\\"'s; rm -rf /'")
    """
    purpose, words = given
    return purpose, " ".join(["runbell", *map(quoted, words)])


def quoted(word: str) -> str:
    """A word as a shell takes it; what cannot be seen, or would turn the line around, is written out, as bash reads it.

    Example:
        >>> quoted("plain"), quoted("two words"), quoted("two\\nlines")
        ('plain', "'two words'", "$'two\\\\nlines'")
    """
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_written_out, word))}'"


def _written_out(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x80 else f"\\U{number:08x}"


def link(path: str, **given: object) -> str:
    """An address with what was asked for behind it; what is None is left out."""
    wanted = {name: value for name, value in given.items() if value is not None}
    return f"{path}?{urlencode(wanted)}" if wanted else path


def clock(iso: object) -> str:
    """A time as people read it, to the second; what is no time stays as it is.

    Example:
        >>> clock("2026-11-28T09:08:07.123456+01:00"), clock("infinity"), clock(None)
        ('2026-11-28 08:08:07 UTC', 'infinity', '')
    """
    if iso is None:
        return ""
    if isinstance(iso, float):
        return datetime.fromtimestamp(iso, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    try:
        return datetime.fromisoformat(str(iso)).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError):
        return str(iso)


def grouped(number: object) -> str:
    """A whole number with its thousands apart."""
    return f"{number:,}"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("runbell.ops.console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(clock=clock, spoken=spoken, grouped=grouped)
    environment.globals.update(link=link, asset_path=asset_path)
    return environment
