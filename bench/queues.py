"""The queues of others, set to the same task: each status change becomes a job in its own transaction, and the job
inserts the run request. Installed with the extra `bench`; graphile-worker where GRAPHILE_WORKER names its folder.
"""

import os
import shutil
import subprocess
import sys
from importlib import resources
from importlib.metadata import version
from pathlib import Path

import peer_pgqueuer
import peer_procrastinate
from contenders import HERE, REQUESTS, Contender, listening

GRAPHILE = os.environ.get("GRAPHILE_WORKER")
GRAPHILE_PREPARE = """
CREATE FUNCTION public.add_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM graphile_worker.add_job('answer', json_build_object('event_id', NEW.event_id));
    RETURN NULL;
END
$$;
CREATE TRIGGER add_job AFTER INSERT ON runbell.run_events FOR EACH ROW EXECUTE FUNCTION public.add_job();
"""


def pgqueuer(batch: int, kind: str = "request") -> Contender:
    """PgQueuer with this batch size; `kind`: what a job does."""
    schema = subprocess.run(
        [Path(sys.executable).parent / "pgq", "sql", "install"], check=True, capture_output=True, text=True
    ).stdout
    return Contender(
        name=f"PgQueuer {version('pgqueuer')}, batch {batch}",
        command=(sys.executable, str(HERE / "peer_pgqueuer.py"), "{url}", str(batch), kind),
        prepare=schema + peer_pgqueuer.PREPARE,
        ready=listening(peer_pgqueuer.READY),
        settled=REQUESTS if kind == "request" else peer_pgqueuer.SETTLED,
    )


def procrastinate(concurrency: int = 10) -> Contender:
    """Procrastinate with so many jobs at once."""
    schema = (resources.files("procrastinate") / "sql" / "schema.sql").read_text()
    return Contender(
        name=f"Procrastinate {version('procrastinate')}",
        command=(sys.executable, str(HERE / "peer_procrastinate.py"), "{url}", str(concurrency)),
        prepare=schema + peer_procrastinate.PREPARE,
        ready=listening(peer_procrastinate.READY),
    )


def graphile() -> Contender | None:
    """graphile-worker as its own benchmark sets it for throughput; None where it is not installed."""
    node = shutil.which("node")
    if not GRAPHILE or node is None:
        return None
    command = (node, str(HERE / "peer_graphile.mjs"), "{url}")
    return Contender(
        name="graphile-worker",
        install=(*command, "install"),
        command=(*command, "work"),
        prepare=GRAPHILE_PREPARE,
        ready=listening("graphile worker"),
    )


def others() -> list[Contender]:
    """All that are installed, as they come."""
    found = [pgqueuer(10), pgqueuer(500), procrastinate()]
    installed = graphile()
    return [*found, installed] if installed else found
