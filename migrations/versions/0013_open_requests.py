"""Open requests are found by their target alone, those that wait for a moment by that."""

from runbell.ops.schema import run_folder

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_folder("0013_open_requests")
