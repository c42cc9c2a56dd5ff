"""`runbell doctor`: each thing that may be wrong is made wrong, and must be named with its remedy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest

from runbell.ops import doctor
from runbell.ops.settings import Settings, read_settings
from runbell.sources import attaching
from runbell.sources.attaching import Attachment
from support.commands import answer, command
from support.dagster_tables import TABLES
from support.modules import own_modules
from support.serving import SENSORS

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture(autouse=True)
def _in_a_folder_with_sensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "sensors.py").write_text(SENSORS)
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RUNBELL_{name.upper()}", raising=False)
    with own_modules():
        yield


async def found(url: str) -> dict[str, Any]:
    """What is not well, by what was looked at."""
    settings = read_settings(database_url=url)
    return {finding.check: finding async for finding in doctor.look_at_database(settings) if finding.state != "ok"}


async def test_where_all_is_well_that_is_said_of_each(database_url: str) -> None:
    told = await command(database_url, "doctor")
    document = await answer(database_url, "doctor")

    assert told.code == 0
    checks = ["settings", "sensors", "database", "clock", "schema", "listen", "rights", "triggers", "places", "sources"]
    assert [finding["check"] for finding in document] == [*checks, "stalls"]
    assert {finding["state"] for finding in document} == {"ok"}
    assert "ok     listen    notifications arrive" in told.stdout


@pytest.mark.parametrize(
    ("spoilt", "check", "state", "said"),
    [
        ("DROP TRIGGER stamp_run_event ON runbell.run_events", "triggers", "failed", "stamp_run_event"),
        ("ALTER TABLE runbell.run_events DISABLE TRIGGER stamp_run_event", "triggers", "failed", "ENABLE ALWAYS"),
        ("UPDATE runbell.alembic_version SET version_num = '0001'", "schema", "failed", "runbell migrate"),
        ("DROP SCHEMA runbell CASCADE", "schema", "failed", "runbell migrate"),
        ("UPDATE runbell.cluster SET system_identifier = 1", "places", "warning", "restored into another cluster"),
    ],
)
async def test_what_is_wrong_in_the_database_is_named(
    database_url: str, connection: Session, spoilt: str, check: str, state: str, said: str
) -> None:
    await connection.execute(spoilt)

    finding = (await found(database_url))[check]

    assert finding.state == state
    assert said in f"{finding.said} {finding.remedy}"


async def test_a_mistake_in_the_address_to_listen_at_is_named_as_that(database_url: str) -> None:
    settings = read_settings(database_url=database_url, listen_url=f"{database_url}&sslmode=banana")

    (finding,) = [one async for one in doctor.look_at_database(settings) if one.state != "ok"]

    assert (finding.check, finding.state, finding.code) == ("listen", "failed", 2)
    assert finding.said.startswith("RUNBELL_LISTEN_URL cannot be understood: ")


async def test_rights_that_are_missing_are_named_with_the_grant(
    database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "patient_" + database_url.partition("test_")[2].partition("?")[0]
    await connection.execute(f"CREATE ROLE {name} LOGIN SUPERUSER; ALTER ROLE {name} NOSUPERUSER")
    url = database_url.replace("postgres@", f"{name}@")
    try:
        without = (await found(url))["schema"]
        await connection.execute(f"SELECT runbell.grant_access('{name}', 'service')")
        noted = await found(url)
        await connection.execute(f"REVOKE DELETE ON runbell.evaluations FROM {name}")
        lacking = (await found(url))["rights"]
    finally:
        await connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")

    assert (without.state, without.code) == ("failed", 2)
    assert without.remedy.endswith(f"runbell migrate --grant-to {name}")
    assert {check: finding.state for check, finding in noted.items()} == {"rights": "warning"}
    assert "pg_read_all_stats" in noted["rights"].remedy
    assert lacking.said == f"role {name} lacks DELETE on table runbell.evaluations"


async def test_a_source_whose_trigger_is_gone_is_named(database_url: str, connection: Session) -> None:
    await connection.execute(TABLES)
    wanted = Attachment(source="dagster", kind="dagster", settings={"schema": "public"})
    await attaching.attach(connection, wanted)

    assert "sources" not in await found(database_url)
    await connection.execute("DROP TABLE public.runs CASCADE")
    finding = (await found(database_url))["sources"]

    assert (finding.state, finding.remedy) == ("failed", "runbell attach dagster once more")


async def test_clocks_that_differ_are_worth_a_note(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.time, "time", lambda: 0.0)

    finding = (await found(database_url))["clock"]

    assert (finding.state, "behind the database's" in finding.said) == ("warning", True)


async def test_settings_sensors_and_addresses_that_are_wrong_have_their_exit_codes(tmp_path: Path) -> None:
    (tmp_path / "sensors.py").write_text("import nothing_of_that_name")
    unreachable = await command("postgresql://127.0.0.1:1/nowhere", "doctor")
    (tmp_path / "sensors.py").write_text(SENSORS)
    away = await command("postgresql://127.0.0.1:1/nowhere", "doctor")
    wrong = await command("mysql://localhost/runs", "doctor")

    assert (unreachable.code, away.code, wrong.code) == (2, 4, 2)
    assert "FAILED sensors" in unreachable.stdout
    assert "nothing_of_that_name" in unreachable.stdout
    assert "FAILED database" in away.stdout
    assert "FAILED settings" in wrong.stdout
