"""JSON as it comes from the database and as it goes there: text that `jsonb` takes, or the reason why not."""

import json
import re
from typing import Any

import msgspec

from runbell.core.errors import RunbellError

_encode = msgspec.json.Encoder().encode

# Strict where the standard is: no NaN, no infinities. Text as it is, so that what is no UTF-8 can be seen.
_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))

# An escaped NUL, and not a backslash followed by the letters u0000.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class NotJsonError(ValueError):
    """A value that cannot be stored as JSON; the text says why, as the end of a sentence."""


def write_json(value: Any) -> str:
    """The JSON text of a value.

    Raises:
        NotJsonError: it has none, or none that PostgreSQL can store.

    Example:
        >>> write_json({"ops": [1, 2.5, None]})
        '{"ops":[1,2.5,null]}'
    """
    try:
        text = _ENCODER.encode(value)
        text.encode()
    except UnicodeEncodeError:
        raise NotJsonError("contains a lone surrogate, which is not text in UTF-8") from None
    except RecursionError:
        raise NotJsonError("is nested too deeply") from None
    except (TypeError, ValueError) as error:
        raise NotJsonError(f"is not JSON ({error})") from None
    return _without_nul(text)


def write_text_map(texts: dict[str, str]) -> str:
    """The same for a dict of texts, several times as fast: each request has one.

    Raises:
        NotJsonError: PostgreSQL could not store it.

    Example:
        >>> write_text_map({"team": "data"})
        '{"team":"data"}'
    """
    try:
        text = _encode(texts).decode()
    except UnicodeEncodeError:
        raise NotJsonError("contains a lone surrogate, which is not text in UTF-8") from None
    return _without_nul(text)


def read_json(text: str, what: str) -> Any:
    """The value of a JSON text.

    Args:
        text: as the database gave it.
        what: names it in the error.

    Raises:
        RunbellError: it cannot be read.

    Example:
        >>> read_json('{"a": 1}', "the tags of run r1")
        {'a': 1}
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RunbellError(f"{what} cannot be read as JSON: {error}") from error


def read_object(text: str | None, what: str) -> dict[str, Any]:
    """The JSON object of a text; nothing reads as an empty one.

    Raises:
        RunbellError: it cannot be read, or is something else.

    Example:
        >>> read_object(None, "the tags of run r1")
        {}
    """
    value = {} if not text or text == "{}" else read_json(text, what)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RunbellError(f"{what} are no JSON object but {type(value).__name__}")
    return value


def read_tags(text: str | None, what: str) -> dict[str, str]:
    """Tags, each value as text: what is no text stands as its JSON, as in Dagster.

    Raises:
        RunbellError: they cannot be read.

    Example:
        >>> read_tags('{"team": "data", "retries": 3}', "the tags of run r1")
        {'team': 'data', 'retries': '3'}
    """
    tags = read_object(text, what)
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in tags.items()}


def _without_nul(text: str) -> str:
    if "\\u0000" in text and _NUL.search(text):
        raise NotJsonError("contains NUL, which PostgreSQL cannot store")
    return text
