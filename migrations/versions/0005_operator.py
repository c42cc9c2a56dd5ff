"""What operators change: a number for each replay that makes new requests."""

from runbell.ops.schema import run_folder

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_folder("0005_operator")
