"""Capture from a `table` source reads the columns by name in a function written for the attached sources."""

from runbell.ops.schema import run_folder

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_folder("0010_capture")
