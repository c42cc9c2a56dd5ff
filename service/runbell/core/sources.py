"""An attached source: where its runs are kept and how their status changes are noticed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AttachedSource:
    """A source whose tables are watched.

    Attributes:
        source: its name, which its events carry.
        kind: `dagster` or `table`.
        trigger: `row` or `statement`, which catch a change as it happens; None leaves it to the reconciler alone.
        settings: JSON text; where its tables and columns are.
    """

    source: str
    kind: str
    trigger: str | None
    settings: str
