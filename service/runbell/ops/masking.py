"""Masks passwords in URLs and connection strings, wherever in a text they stand."""

import re

# With a PostgreSQL URL, up to the last @ of the word: a password that somebody forgot to quote may contain anything.
PASSWORD = re.compile(
    r"""(?P<start>postgres(?:ql)?://[^\s:/@"']*:)(?:[^\s"\\]|\\.)*(?=@)"""
    r"""|(?P<other>://[^\s:/@"']*:)[^\s"'/@]*(?=@)"""
    r"""|(?P<pair>\bpassword=)(?:'[^']*'|[^\s"'&]*)""",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """The text with `***` in place of each password.

    Example:
        >>> mask("cannot reach postgresql://ann:secret@db/prod")
        'cannot reach postgresql://ann:***@db/prod'
    """
    # Nearly no line has anything of that, and this is asked for each line of the log.
    if "://" not in text and "password=" not in text:
        return text
    return PASSWORD.sub(lambda found: f"{found['start'] or found['other'] or found['pair']}***", text)
