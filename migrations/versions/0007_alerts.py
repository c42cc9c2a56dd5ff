"""What has been told, so that an alert that follows another within its window is muted."""

from runbell.ops.schema import run_folder

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_folder("0007_alerts")
