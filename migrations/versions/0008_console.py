"""What the console and the metrics find their rows by, and what has been told of sensors that are in trouble."""

from runbell.ops.schema import run_folder

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_folder("0008_console")
