"""Servers made from others: a streaming standby, a physical copy under another identity, a dump in another cluster."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from support import postgres
from support.postgres import BINARIES, SUPERUSER, Server


@contextmanager
def standby(primary: Server) -> Iterator[Server]:
    """A hot standby that streams from `primary`."""
    with postgres.guarded_folder() as folder:
        made = replace(primary, folder=folder)
        postgres._run(
            *("pg_basebackup", f"--host={primary.folder}", f"--port={primary.port}", f"--username={SUPERUSER}"),
            *("--checkpoint=fast", "--no-sync", "--write-recovery-conf", f"--pgdata={made.data}"),
            folder=folder,
        )
        move_in(made)
        made.start()
        yield made


def promote(server: Server) -> None:
    """A standby becomes a primary, on a timeline of its own."""
    postgres._run("pg_ctl", "-w", "-D", server.data, "promote", folder=server.folder)


@contextmanager
def physical_copy(stopped: Server) -> Iterator[Server]:
    """The data of a stopped server under another system identifier."""
    with postgres.guarded_folder() as folder:
        made = replace(stopped, folder=folder)
        subprocess.run(["cp", "-a", stopped.data, made.data], check=True)
        control = made.data / "global" / "pg_control"
        first, *rest = control.read_bytes()
        # The identifier comes first. The checksum is wrong then, which pg_resetwal mends when it is told to.
        control.write_bytes(bytes([first ^ 1, *rest]))
        postgres._run("pg_resetwal", "--force", f"--pgdata={made.data}", folder=folder)
        move_in(made)
        made.start()
        yield made


def copy_database(source: Server, target: Server, name: str) -> None:
    """Dump a database and restore it in another cluster, as operators do."""
    postgres.psql(target.admin_url, f"CREATE DATABASE {name}")
    restore(target, name, dump(source, name), "pre-data", "data", "post-data")


def dump(source: Server, name: str) -> bytes:
    """A database as pg_dump writes it."""
    command = [BINARIES / "pg_dump", "--format=custom", source.url(name)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def restore(target: Server, name: str, dumped: bytes, *sections: str) -> None:
    """Restore parts of a dump into a database that is there: tables and functions, rows, indexes and triggers."""
    chosen = [f"--section={section}" for section in sections]
    command = [BINARIES / "pg_restore", "--exit-on-error", *chosen, f"--dbname={target.url(name)}"]
    subprocess.run(command, input=dumped, check=True)


def burn_transactions(server: Server, count: int) -> None:
    """Use up transaction ids."""
    script = f"DO $$ BEGIN FOR n IN 1..{count} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
    postgres.psql(server.admin_url, script)


def move_in(server: Server) -> None:
    """Have a copied data folder listen where its new folder is."""
    with Path(server.data / "postgresql.conf").open("a") as file:
        file.write(f"unix_socket_directories = '{server.folder}'\n")
