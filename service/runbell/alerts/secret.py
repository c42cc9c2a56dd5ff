"""Values that stand in the environment or in a file, read when they are needed and shown nowhere."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from runbell.core.errors import SettingsError

# Shorter ones are words like `ops`, and hiding those would hide the message.
LEAST_HIDDEN = 5
# What a URL is made of; each part of one may be the secret, and is said alone where somebody else parses the URL.
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
PART = re.compile(rf"[^/:@?&=#\s]{{{LEAST_HIDDEN},}}")


@dataclass(frozen=True, slots=True)
class EnvVar:
    """A value that stands in an environment variable. Dagster's own `EnvVar` is taken wherever this one is.

    Args:
        name: the variable's.

    Example:
        >>> EnvVar("SLACK_TOKEN")
        EnvVar(name='SLACK_TOKEN')
    """

    name: str

    def get_value(self, default: str | None = None) -> str | None:
        """What it is set to now, or the default."""
        return os.environ.get(self.name, default)


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A value that stands alone in a file, such as a mounted secret. White space around it is left out.

    Args:
        path: the file's.

    Example:
        >>> SecretFile("/run/secrets/slack")
        SecretFile(path='/run/secrets/slack')
    """

    path: str | Path

    def get_value(self) -> str | None:
        """What stands in it now; None if it cannot be read."""
        try:
            return Path(self.path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return None


def reveal(argument: str, given: Any) -> str:
    """The text that an argument stands for, read anew each time: a secret that was changed is used at once.

    Args:
        argument: its name, for the sentence.
        given: text, or an object with `get_value()`.

    Raises:
        SettingsError: there is no such text; says what to set, and shows no value.

    Example:
        >>> reveal("channel", "#ops")
        '#ops'
    """
    value = given.get_value() if hasattr(given, "get_value") else given
    if isinstance(value, str) and value.strip():
        # What a shell or a mounted file leaves at the end belongs to no address and to no token.
        return value.strip()
    if isinstance(given, SecretFile):
        raise SettingsError(f"{argument}: the file {given.path} cannot be read or is empty: put the value into it")
    variable = getattr(given, "env_var_name", None) or getattr(given, "name", None)
    if variable is not None:
        raise SettingsError(f"{argument}: the environment variable {variable} is not set: set it for the daemon")
    if value is None or isinstance(value, str):
        raise SettingsError(f"{argument} is empty: give a text, or EnvVar('NAME') and set that variable")
    raise SettingsError(f"{argument} is {type(value).__name__}, not text: give a text, EnvVar or SecretFile")


def hidden(text: str, *secrets: str) -> str:
    """The text with `***` in place of each of these secrets, and of each part of those that are URLs.

    Example:
        >>> hidden("no answer from https://hook/abcdef", "https://hook/abcdef")
        'no answer from ***'
        >>> hidden("no such path: /v1/abcdef", "https://hook/v1/abcdef")
        'no such path: /v1/***'
    """
    for secret in sorted(set().union(*map(_forms, secrets)), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _forms(secret: str) -> set[str]:
    """What of a secret must not be seen: itself, its lines, its parts if it is a URL; each escaped and unescaped."""
    parts = {secret, *secret.splitlines()}
    if "://" in secret:
        parts |= {part.strip(",") for part in PART.findall(SCHEME.sub(" ", secret))}
    forms = parts | {form for part in parts for form in (unquote(part), quote(part, safe=""))}
    return {form for form in forms if len(form) >= LEAST_HIDDEN}
