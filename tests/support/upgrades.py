"""Schemas as earlier versions have left them."""

import io

from runbell.ops import schema

REVISIONS = sorted(path.name[:4] for path in schema.find_folder("migrations").glob("versions/[0-9]*.py"))


def script_up_to(revision: str) -> str:
    """What makes an empty database one of this revision."""
    printed = io.StringIO()
    schema.print_script(printed)
    migrations = printed.getvalue().split("\nCOMMIT;\n")
    return "\nCOMMIT;\n".join([*migrations[: REVISIONS.index(revision) + 1], ""])
