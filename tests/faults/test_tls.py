"""TLS by the usual parameters of a URL, against a real server that takes nothing else over TCP.

Debian's server, of the package `postgresql`: the one that other tests run on is built without TLS.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runbell.core.errors import RunbellError
from runbell.store.connections import connect
from support import postgres
from support.certificates import make_authority, sign
from support.postgres import Server, free_port
from support.processes import runbell
from support.serving import serving

SYSTEM_BINARIES = Path("/usr/lib/postgresql")
# The first field tells that a connection came encrypted, the second whose certificate the client showed.
ENCRYPTED = "SELECT ssl::text || ' ' || coalesce(client_dn, '-') FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


@dataclass(frozen=True, slots=True)
class Encrypted:
    server: Server
    folder: Path

    def url(self, host: str = "127.0.0.1", dbname: str = "postgres", user: str = "postgres", **parameters: str) -> str:
        given = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://{user}@{host}:{self.server.port}/{dbname}?{given}"

    def file(self, name: str) -> str:
        return str(self.folder / name)


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    """A server whose certificate is for 127.0.0.1; the user `ann` needs one of her own."""
    files = tmp_path_factory.mktemp("certificates")
    make_authority(files, "authority")
    make_authority(files, "stranger")
    sign(files, "authority", "server", common_name="server", address="127.0.0.1")
    sign(files, "authority", "ann", common_name="ann")
    binaries = sorted(SYSTEM_BINARIES.glob("*/bin/postgres"))
    assert binaries, "no server with TLS: apt-get install postgresql"
    with pytest.MonkeyPatch.context() as patch, postgres.guarded_folder() as folder:
        patch.setattr(postgres, "BINARIES", binaries[-1].parent)
        server = Server(folder=folder, tcp=True, port=free_port())
        names = {"ssl_cert_file": "server.crt", "ssl_key_file": "server.key", "ssl_ca_file": "authority.crt"}
        server.init(ssl="on", **names)
        for name in names.values():
            shutil.copy(files / name, server.data / name)
            (server.data / name).chmod(0o600)
            shutil.chown(server.data / name, user=server.data.owner())
        rules = "local all all trust\nhostssl all ann all cert\nhostssl all all all trust\n"
        (server.data / "pg_hba.conf").write_text(rules)
        server.start()
        postgres.psql(f"postgresql://postgres@/postgres?host={folder}&port={server.port}", "CREATE ROLE ann LOGIN")
        yield Encrypted(server, files)


async def shown(url: str) -> str:
    session = await connect(url, role="test")
    try:
        return str(await session.fetchval(ENCRYPTED))
    finally:
        await session.close()


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_each_mode_encrypts(encrypted: Encrypted, mode: str) -> None:
    url = encrypted.url(sslmode=mode, sslrootcert=encrypted.file("authority.crt"))

    assert await shown(url) == "true -"


async def test_a_certificate_of_ours_is_shown(encrypted: Encrypted) -> None:
    files = {"sslcert": encrypted.file("ann.crt"), "sslkey": encrypted.file("ann.key")}
    url = encrypted.url(user="ann", sslmode="verify-full", sslrootcert=encrypted.file("authority.crt"), **files)

    assert await shown(url) == "true /CN=ann"


@pytest.mark.parametrize(
    ("host", "parameters", "said"),
    [
        ("127.0.0.1", {"sslmode": "verify-full", "sslrootcert": "stranger.crt"}, "sslrootcert must name the CA"),
        ("localhost", {"sslmode": "verify-full", "sslrootcert": "authority.crt"}, "sslmode=verify-full for this very"),
        ("127.0.0.1", {"sslmode": "disable"}, "no encryption"),
        ("127.0.0.1", {"sslmode": "verify-full", "sslrootcert": "missing.crt"}, "missing.crt"),
        ("127.0.0.1", {"sslmode": "surely"}, "must be one of: disable"),
    ],
)
async def test_what_cannot_be_trusted_is_refused_in_a_sentence(
    encrypted: Encrypted, host: str, parameters: dict[str, str], said: str
) -> None:
    files = {name: encrypted.file(value) for name, value in parameters.items() if name == "sslrootcert"}

    with pytest.raises(RunbellError, match=said):
        await connect(encrypted.url(host, **{**parameters, **files}), role="test")


async def test_a_certificate_of_ours_that_is_missing_is_named(encrypted: Encrypted) -> None:
    files = {"sslcert": encrypted.file("nobody.crt"), "sslkey": encrypted.file("nobody.key")}

    with pytest.raises(RunbellError, match=r"nobody\.crt"):
        await connect(encrypted.url(user="ann", sslmode="require", **files), role="test")


def test_every_command_understands_the_same_url(encrypted: Encrypted, tmp_path: Path) -> None:
    trusted = {"sslmode": "verify-full", "sslrootcert": encrypted.file("authority.crt")}
    done = [runbell(word, RUNBELL_DATABASE_URL=encrypted.url(**trusted)) for word in ("migrate", "status")]
    assert [(one.code, one.stderr) for one in done] == [(0, ""), (0, "")]
    with serving(tmp_path, encrypted.url(**trusted)) as daemon:
        daemon.until("daemon_started")
        assert not daemon.events("listening_failed")
        assert daemon.end() == 0

    strange = {**trusted, "sslrootcert": encrypted.file("stranger.crt")}
    for word in ("migrate", "status"):
        refused = runbell(word, RUNBELL_DATABASE_URL=encrypted.url(**strange))
        assert refused.code == 4
        assert "sslrootcert must name the CA" in refused.stderr
        assert len(refused.stderr.splitlines()) <= 3
