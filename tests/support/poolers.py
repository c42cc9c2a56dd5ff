"""Runs a real PgBouncer between clients and a server: Debian's package `pgbouncer`."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from support.postgres import SUPERUSER, SYSTEM_USER, Server

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
PORT = 5432
START_SECONDS = 10
# Servers are handed out as far as the tests need them; nothing is logged of clients that come and go.
SETTINGS = {
    "auth_type": "trust",
    "pool_mode": "transaction",
    "default_pool_size": "10",
    "max_client_conn": "500",
    "unix_socket_mode": "0777",
    "log_connections": "0",
    "log_disconnections": "0",
    "admin_users": SUPERUSER,
}


@dataclass(slots=True)
class Pooler:
    """A running PgBouncer, on a Unix socket in `folder`."""

    folder: Path
    server: Server
    settings: dict[str, str]
    process: "subprocess.Popen[bytes]" = field(init=False)

    def url(self, dbname: str, *, user: str = SUPERUSER) -> str:
        return f"postgresql://{user}@/{dbname}?host={self.folder}&port={PORT}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Start it; returns when it takes connections."""
        if PROGRAM is None:
            raise RuntimeError("PgBouncer is missing: apt-get install pgbouncer")
        self._write()
        as_user = ["-u", SYSTEM_USER] if SYSTEM_USER else []
        self.process = subprocess.Popen(
            [PROGRAM, "-q", *as_user, self.folder / "ini"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PgBouncer does not start:\n{self.log}")
            time.sleep(0.01)

    def change(self, **settings: str) -> None:
        """Change settings while it runs."""
        self.settings.update(settings)
        self._write()
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """End it at once, and with it every connection."""
        self.process.kill()
        self.process.wait(10)
        (self.folder / f".s.PGSQL.{PORT}").unlink(missing_ok=True)
        (self.folder / "pid").unlink(missing_ok=True)

    def _write(self) -> None:
        (self.folder / "users").write_text(f'"{SUPERUSER}" ""\n')
        where = {"listen_port": PORT, "unix_socket_dir": self.folder, "auth_file": self.folder / "users"}
        files = {"logfile": self.folder / "log", "pidfile": self.folder / "pid"}
        lines = [f"{name} = {value}\n" for name, value in {**where, **files, **self.settings}.items()]
        target = f"* = host={self.server.folder} port={self.server.port}\n"
        (self.folder / "ini").write_text("".join(["[databases]\n", target, "[pgbouncer]\n", *lines]))

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.folder / f".s.PGSQL.{PORT}")) == 0


@contextmanager
def pooler(server: Server, **settings: str) -> Iterator[Pooler]:
    """A PgBouncer before `server`, in transaction mode unless `settings` say otherwise; killed at the end."""
    with tempfile.TemporaryDirectory(prefix="runbell-", dir="/tmp") as folder:
        if SYSTEM_USER:
            shutil.chown(folder, user=SYSTEM_USER)
        Path(folder).chmod(0o711)
        made = Pooler(Path(folder), server, {**SETTINGS, **settings})
        made.start()
        try:
            yield made
        finally:
            made.stop()


async def backends(url: str, look: str, count: int = 10) -> list[Any]:
    """What `look` gives on so many backends behind a pooler, all at once so that each is another one."""
    sessions = [await asyncpg.connect(url, statement_cache_size=0) for _ in range(count)]
    for session in sessions:
        await session.execute("BEGIN")
    found = [await session.fetchval(look) for session in sessions]
    for session in sessions:
        await session.execute("ROLLBACK")
        await session.close()
    return found
