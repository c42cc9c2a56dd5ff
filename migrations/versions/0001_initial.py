"""Everything from a recorded status change to a run request."""

from runbell.ops.schema import run_folder

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_folder("0001_initial")
