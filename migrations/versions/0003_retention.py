"""Retention of what has been answered, and how soon vacuum visits the tables that change most."""

from runbell.ops.schema import run_folder

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_folder("0003_retention")
