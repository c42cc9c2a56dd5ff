"""Launchers' functions find requests by an index, whoever calls them and whenever their plans were made."""

from runbell.ops.schema import run_folder

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_folder("0014_planning")
