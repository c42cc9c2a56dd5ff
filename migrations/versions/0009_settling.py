"""Rows in `evaluations` are settled by a function, which is called only by commits that have any."""

from runbell.ops.schema import run_folder

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_folder("0009_settling")
