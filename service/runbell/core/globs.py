"""Globs as shells have them: `*`, `?`, `[abc]`, `[a-z]`, `[!abc]`; and the same as a regular expression of PostgreSQL.

Python matches them by `fnmatch`; the expression matches the same texts.
"""

from fnmatch import fnmatchcase

from runbell.core.text import why_unstorable

# Matches nothing: no text has a beginning behind its beginning.
NOTHING = "x^"


def matches_any(text: str, globs: tuple[str, ...]) -> bool:
    """Does one of the globs match the whole text?

    Example:
        >>> matches_any("etl_orders", ("report", "etl_*"))
        True
    """
    return any(fnmatchcase(text, glob) for glob in globs)


def is_exact(glob: str) -> bool:
    """Does it match one text only, itself?"""
    # Written out: asked of every sensor whenever thousands of them are put into an index.
    return "*" not in glob and "?" not in glob and "[" not in glob


def why_no_glob(given: object) -> str | None:
    """Why this is no glob, as the end of a sentence; None if it is one.

    Example:
        >>> why_no_glob("")
        'is empty'
    """
    if not isinstance(given, str):
        return "is not text"
    return why_unstorable(given) if given else "is empty"


def expression(glob: str) -> str:
    r"""An advanced regular expression of PostgreSQL that matches the texts that the glob matches.

    Example:
        >>> expression("etl_*")
        '^etl_.*$'
    """
    parts, at = ["^"], 0
    while at < len(glob):
        mark = glob[at]
        end = _end_of_class(glob, at) if mark == "[" else None
        if mark == "*":
            parts.append(".*")
        elif mark == "?":
            parts.append(".")
        elif end is not None:
            parts.append(_class(glob[at + 1 : end]))
            at = end
        else:
            parts.append(_literal(mark))
        at += 1
    return NOTHING if NOTHING in parts else "".join([*parts, "$"])


def _end_of_class(glob: str, start: int) -> int | None:
    """Where the class that begins at `start` ends; None: the bracket stands for itself."""
    at = start + 1
    if glob[at : at + 1] == "!":
        at += 1
    if glob[at : at + 1] == "]":
        at += 1
    end = glob.find("]", at)
    return None if end < 0 else end


def _class(content: str) -> str:
    negated = content.startswith("!")
    ranges = [(low, high) for low, high in _ranges(content[negated:]) if low <= high]
    if not ranges:
        return "." if negated else NOTHING
    return f"[{'^' if negated else ''}{''.join(f'{_in_class(low)}-{_in_class(high)}' for low, high in ranges)}]"


def _ranges(content: str) -> list[tuple[str, str]]:
    """The ranges of a class, as fnmatch reads them: a hyphen is one where something stands on both of its sides."""
    found, at = [], 0
    while at < len(content):
        if content[at + 1 : at + 2] == "-" and at + 2 < len(content):
            found.append((content[at], content[at + 2]))
            at += 3
        else:
            found.append((content[at], content[at]))
            at += 1
    return found


def _literal(mark: str) -> str:
    return mark if mark.isalnum() or mark == "_" or ord(mark) > 127 else f"\\u{ord(mark):04x}"


# Inside a class every mark of ASCII is written as its number: none then means anything of its own.
def _in_class(mark: str) -> str:
    return mark if ord(mark) > 127 else f"\\u{ord(mark):04x}"
