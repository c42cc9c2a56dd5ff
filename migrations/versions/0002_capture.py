"""Capture of the status changes in attached orchestrators, and the reconciler that finds what capture missed."""

from runbell.ops.schema import run_folder

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_folder("0002_capture")
