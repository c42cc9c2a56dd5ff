"""Texts as long as a channel takes them."""

CUT = "..."


def cut(text: str, most: int) -> str:
    """The text, or its beginning with a mark that something is left out; never more than `most` characters.

    Example:
        >>> cut("no space left on device", 11), cut("short", 11)
        ('no space...', 'short')
    """
    return text if len(text) <= most else text[: most - len(CUT)] + CUT


def one_line(text: str, most: int) -> str:
    """The text on one line, as subjects and titles must be.

    Example:
        >>> one_line("failed:\\n  no space", 80)
        'failed: no space'
    """
    return cut(" ".join(text.split()), most)
