"""What goes wrong becomes a sentence and an exit code."""

import pytest
import typer

from runbell.core.errors import (
    DefinitionError,
    LoadingError,
    SchemaBehindError,
    SettingsError,
    StatementRefusedError,
    StoreUnavailableError,
    WrongServerError,
)
from runbell.ops.failures import explained


def ended_by(error, capsys):
    with pytest.raises(SystemExit) as caught, explained():
        raise error
    return caught.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (SettingsError, 2),
        (LoadingError, 2),
        (DefinitionError, 2),
        (SchemaBehindError, 3),
        (StoreUnavailableError, 4),
        (WrongServerError, 4),
        (StatementRefusedError, 1),
    ],
)
def test_each_known_error_has_its_code_and_no_traceback(kind, code, capsys):
    assert ended_by(kind("the reason"), capsys)[0] == code


def test_an_error_within_groups_is_found(capsys):
    error = ExceptionGroup("tasks", [ExceptionGroup("more tasks", [SchemaBehindError("not migrated")])])

    assert ended_by(error, capsys) == (3, "runbell: not migrated\n")


def test_a_bug_beside_a_known_error_is_a_bug(capsys):
    code, said = ended_by(ExceptionGroup("tasks", [SchemaBehindError("x"), KeyError("bug")]), capsys)

    assert code == 1
    assert "KeyError: 'bug'" in said


def test_a_bug_is_shown_with_its_traceback_but_no_password(capsys):
    code, said = ended_by(KeyError("postgresql://a:secret@h/d"), capsys)

    assert code == 1
    assert "Traceback" in said
    assert "secret" not in said


def test_an_unreachable_database_takes_three_lines_at_most(capsys):
    code, said = ended_by(StoreUnavailableError("one\ntwo\nthree\nfour"), capsys)

    assert code == 4
    assert len(said.splitlines()) == 3
    assert said.startswith("runbell: the database cannot be reached: one\n")


def test_every_mistake_in_the_settings_is_shown(capsys):
    mistakes = [f"mistake {number}" for number in range(9)]

    assert ended_by(SettingsError("\n".join(mistakes)), capsys)[1].count("mistake") == 9


def test_what_a_command_ends_with_by_itself_stays(capsys):
    with pytest.raises(typer.Exit), explained():
        raise typer.Exit(1)

    assert capsys.readouterr().err == ""


def test_what_goes_well_goes_on():
    with explained():
        reached = True

    assert reached
