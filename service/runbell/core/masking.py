"""Masks passwords and tokens, wherever in a text they stand: in URLs, connection strings, JSON, tracebacks."""

import re

SECRET = re.compile(
    # With a PostgreSQL URL, up to the last @ of the word: a password that somebody forgot to quote may hold anything.
    r"""(?P<url>postgres(?:ql)?://[^\s:/@"']*:)(?:[^\s"\\]|\\.)*(?=@)"""
    r"""|(?P<other>://[^\s:/@"']*:)[^\s"'/@]*(?=@)"""
    # password="..." and {"password": "..."}, also inside a string of JSON.
    r"""|(?P<quoted>(?:password|token)\\?["']?\s*[=:]\s*(?P<mark>\\?["']))(?:(?!(?P=mark)).)*"""
    r"""|(?P<pair>password\s*=\s*)[^\s"'&,;)\\]*"""
    r"""|(?P<parameter>[?&;](?:access_)?(?:token|sig|secret|api_?key)=)[^\s"'&\\]*"""
    # Slack's tokens, and webhooks of chats, whose whole path is the secret.
    r"""|(?P<slack>\bxox[a-z]-)[\w-]+"""
    r"""|(?P<hook>://hooks\.slack\.com/\w+/|://[\w.-]+\.webhook\.office\.com/|://discord(?:app)?\.com/api/webhooks/)"""
    r"""[^\s"'\\]+""",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """The text with `***` in place of each password or token.

    Example:
        >>> mask("cannot reach postgresql://ann:secret@db/prod")
        'cannot reach postgresql://ann:***@db/prod'
    """
    # Nearly no line has anything of that, and each line of the log is asked.
    if "://" not in text and "assword" not in text and "token" not in text and "xox" not in text:
        return text
    return SECRET.sub(lambda found: f"{found[found.lastgroup or 0]}***", text)


def mask_url(given: str) -> str:
    """What somebody gave as the URL of a database, however wrong it is: nothing of it between scheme and host.

    Example:
        >>> mask_url("postgres:/ann:se/cr et@db/prod")
        'postgres:/***@db/prod'
    """
    login, at, rest = given.rpartition("@")
    scheme = re.match(r"[a-z][a-z+]*:/+", login, re.IGNORECASE)
    return f"{scheme[0] if scheme else ''}***@{mask(rest)}" if at else mask(given)
