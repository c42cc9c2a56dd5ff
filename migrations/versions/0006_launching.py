"""Targets that are paused: their requests wait."""

from runbell.ops.schema import run_folder

revision = "0006"
down_revision = "0004"


def upgrade() -> None:
    run_folder("0006_launching")
