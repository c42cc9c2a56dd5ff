"""Alerts by mail: real SMTP, with and without TLS."""

from email.utils import localtime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from runbell import DefinitionError, make_email_on_run_failure_sensor
from runbell.core.sensors import Sensor
from runbell.testing import evaluate
from support import certificates
from support.channels import Post, post_office

# The server asks for a password over TLS from the first byte on, which the library that plays it takes for none.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

SENDER, PASSWORD, TO = "runs@example.com", "hidden-password", ["ops@example.com", "ann@example.com"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    certificates.make_authority(folder, "authority")
    certificates.sign(folder, "authority", "server", common_name="mail", address="127.0.0.1")
    return folder


def alert(office: Post, kind: str, to: Any = TO, password: Any = PASSWORD, **more: Any) -> Sensor:
    return make_email_on_run_failure_sensor(
        SENDER, password, to, smtp_host="127.0.0.1", smtp_type=kind, smtp_port=office.port, **more
    )


@pytest.mark.parametrize("kind", ["SSL", "STARTTLS"])
def test_it_is_sent_over_tls_to_a_server_that_asks_for_a_password(
    authority: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "authority.crt"))
    with post_office(kind, authority / "server", **{SENDER.replace("@", "_"): PASSWORD}) as office:
        sensor = alert(office, kind, webserver_base_url="https://dagster.example")
        evaluated = evaluate(sensor, job_name="load", run_id="7f3c", step_failures={"write": "<no space>"})

    assert evaluated.outcome == "acted", evaluated.error
    ((to, mail),) = office.received
    assert (to, office.logins) == (TO, [SENDER])
    assert (mail["Subject"], mail["From"], mail["To"]) == ("Job load failed", SENDER, ", ".join(TO))
    body = mail.get_content()
    assert mail.get_content_type() == "text/html"
    assert "&lt;no space&gt;" in body
    assert '<a href="https://dagster.example/runs/7f3c">' in body


def test_a_server_whose_certificate_nobody_knows_gets_no_password(authority: Path) -> None:
    with post_office("SSL", authority / "server", **{SENDER.replace("@", "_"): PASSWORD}) as office:
        evaluated = evaluate(alert(office, "SSL"))

    assert evaluated.error is not None
    assert "the mail server does not take it: SSLCertVerificationError" in evaluated.error
    assert office.logins == []


def test_a_wrong_password_is_a_failure_that_does_not_show_it(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "authority.crt"))
    with post_office("SSL", authority / "server", **{SENDER.replace("@", "_"): "another"}) as office:
        evaluated = evaluate(alert(office, "SSL"))

    assert (evaluated.outcome, evaluated.final, office.received) == ("failed", False, [])
    assert evaluated.error is not None
    assert "SMTPAuthenticationError" in evaluated.error
    assert PASSWORD not in evaluated.error


def test_a_server_of_ones_own_network_asks_for_none() -> None:
    with post_office("PLAIN") as office:
        sensor = alert(
            office,
            "PLAIN",
            to="ops@example.com",
            password=None,
            email_subject_fn=lambda context: f"{context.dagster_run.job_name}\r\nBcc: everybody@example.com",
            email_body_fn=lambda context: f"<b>{context.failure_event.message}</b>",
        )
        assert evaluate(sensor, job_name="load", message="away").outcome == "acted"

    ((to, mail),) = office.received
    assert (to, mail["Bcc"], office.logins) == (["ops@example.com"], None, [])
    assert mail["Subject"] == "load Bcc: everybody@example.com"
    assert mail.get_content().strip() == "<b>away</b>"


def test_an_address_that_is_refused_keeps_nobody_else_from_being_told(caplog: pytest.LogCaptureFixture) -> None:
    with post_office("PLAIN") as office:
        office.refused = {TO[0]}
        assert evaluate(alert(office, "PLAIN", password=None)).outcome == "acted"
        office.refused = set(TO)
        evaluated = evaluate(alert(office, "PLAIN", password=None))

    assert [to for to, _ in office.received] == [[TO[1]]]
    assert f"mail was not taken for {TO[0]}" in caplog.text
    assert evaluated.outcome == "failed"


def test_each_try_for_one_failure_has_the_same_message_id() -> None:
    with post_office("PLAIN") as office:
        for event_id in (1, 1, 2):
            evaluate(alert(office, "PLAIN", password=None), event_id=event_id)

    first, again, other = (mail["Message-ID"] for _, mail in office.received)
    assert first == again != other


def test_it_says_when_it_was_sent() -> None:
    before = localtime().replace(microsecond=0)
    with post_office("PLAIN") as office:
        evaluate(alert(office, "PLAIN", password=None))

    ((_, mail),) = office.received
    assert before <= parsedate_to_datetime(mail["Date"]) <= localtime()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"smtp_type": "TLS"}, "smtp_type='TLS' is none of SSL, STARTTLS, PLAIN: give one of them"),
        ({"smtp_port": "25"}, "smtp_port='25' is no port: give a whole number from 1 to 65535"),
        ({"email_to": []}, "email_to=[] is empty: give at least one address"),
        ({"subject": "x"}, "subject='x' is not an argument"),
    ],
)
def test_a_mistake_is_found_at_import(arguments: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"email_from": SENDER, "email_password": PASSWORD, "email_to": TO, **arguments}
    with pytest.raises(DefinitionError, match=r"^sensor 'email_on_run_failure': ") as raised:
        make_email_on_run_failure_sensor(**given)

    assert said in str(raised.value)
    assert PASSWORD not in str(raised.value)
