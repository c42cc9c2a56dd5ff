"""Which text PostgreSQL can store, and how text becomes so."""

import reprlib

from runbell.core.masking import mask

MAX_NAME_BYTES = 500
MAX_REPORT_BYTES = 20_000

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100


def why_unstorable(text: str, max_bytes: int = MAX_NAME_BYTES) -> str | None:
    """Why PostgreSQL could not store this name or key, as the end of a sentence; None if it can.

    Example:
        >>> why_unstorable("a" * 501)
        'has 501 bytes, at most 500 are allowed'
    """
    if "\x00" in text:
        return "contains NUL, which PostgreSQL cannot store"
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "contains a lone surrogate, which is not text in UTF-8"
    return f"has {size} bytes, at most {max_bytes} are allowed" if size > max_bytes else None


def storable(text: str, max_bytes: int = MAX_REPORT_BYTES) -> str:
    r"""The same text made storable: NUL and lone surrogates escaped; of what is too long, the head and the tail.

    Passwords in it are masked: more people read what is stored than may know them.

    Example:
        >>> storable("a\x00b\ud800")
        'a\\x00b\\ud800'
    """
    # An error's message may be a str subclass, or text with anything in it.
    data = mask(str(text)).replace("\x00", "\\x00").encode("utf-8", "backslashreplace")
    if len(data) <= max_bytes:
        return data.decode()
    head, tail = data[: max_bytes // 4], data[-(max_bytes - max_bytes // 4) :]
    left_out = len(data) - max_bytes
    return f"{head.decode(errors='ignore')}\n... {left_out} bytes left out ...\n{tail.decode(errors='ignore')}"


def shown(value: object) -> str:
    """A value as it stands in a sentence: its repr, kept short, whatever its repr does.

    Example:
        >>> shown(["etl", 1])
        "['etl', 1]"
    """
    try:
        return storable(_SHORT.repr(value), 1_000)
    except Exception:  # noqa: BLE001 - somebody else's repr may raise anything, and the sentence is needed all the same
        return f"<{type(value).__name__}>"
