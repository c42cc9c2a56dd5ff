"""Versions of a sensor's row that are kept for an open transaction do not slow down the commits that make new ones."""

from runbell.ops.schema import run_folder

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_folder("0011_generations")
