"""The newest version of a sensor's row is found without passing those that are kept for an open transaction."""

from runbell.ops.schema import run_folder

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_folder("0012_newest_first")
