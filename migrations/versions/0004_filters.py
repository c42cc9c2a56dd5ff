"""What only a source's own tables tell of a failure, and run keys that are not for ever."""

from runbell.ops.schema import run_folder

revision = "0004"
down_revision = "0002"


def upgrade() -> None:
    run_folder("0004_filters")
