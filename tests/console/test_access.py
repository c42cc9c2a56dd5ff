"""Who may look: whoever knows the token; without one, only who is on this machine and asks for this machine."""

import http.client
import socket
from urllib.parse import urlencode

import pytest

from support.console_scene import console, database
from support.processes import runbell

TOKEN = "an-example-of-a-secret"
PAGES = ["/", "/sensor?name=alert", "/run?id=load-1", "/requests", "/dead-letters", "/replicas", "/live?of=/"]


def ask(origin, path, *, method="GET", body=None, **headers):
    host, _, port = origin.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body=body, headers=named)
    answer = connection.getresponse()
    text = b"" if answer.getheader("content-type", "").startswith("text/event-stream") else answer.read()
    connection.close()
    return answer, text.decode()


@pytest.fixture(scope="module")
def guarded(server, tmp_path_factory):
    """A console on every address, with a token."""
    folder, given = tmp_path_factory.mktemp("guarded"), {"RUNBELL_HTTP_TOKEN": TOKEN, "RUNBELL_HTTP_HOST": "0.0.0.0"}
    with database(server) as url, console(folder, url, **given) as found:
        yield found


@pytest.mark.parametrize("path", PAGES)
def test_without_the_token_nothing_is_shown(guarded, path):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "runbell_console=wrong"}, {"Cookie": ";;="}):
        answer, text = ask(guarded.origin, path, **headers)
        assert answer.status == (204 if path.startswith("/live") else 401)
        assert "alert" not in text.replace('role="alert"', "")
        assert TOKEN not in text


@pytest.mark.parametrize("path", PAGES)
def test_a_script_shows_it_in_a_header(guarded, path):
    answer, _ = ask(guarded.origin, path, Authorization=f"Bearer {TOKEN}")

    assert answer.status == (404 if path.startswith("/run?") else 200)


def test_a_person_types_it_in_once(guarded, page):
    page.open(guarded.origin + "/replicas")
    assert page.evaluate("document.activeElement.name") == "token"

    page.evaluate(f"document.querySelector('input').value = '{TOKEN}'; document.querySelector('main form').submit()")
    page.until("document.querySelector('h1')?.textContent === 'Overview'")

    page.open(guarded.origin + "/replicas")
    assert page.evaluate("document.querySelector('h1').textContent") == "Replicas"
    assert page.evaluate("document.cookie") == ""
    cookie = page.call("Network.getCookies")["cookies"][0]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert TOKEN not in cookie["value"]


def test_a_wrong_token_is_refused_and_a_long_one_not_even_read(guarded):
    answer, text = ask(guarded.origin, "/login", method="POST", body=urlencode({"token": "wrong"}))
    assert (answer.status, "That is not the token." in text, answer.getheader("set-cookie")) == (401, True, None)

    assert ask(guarded.origin, "/login", method="POST", body="token=" + "x" * 10_000)[0].status == 413


def test_health_and_metrics_need_no_token(guarded):
    assert {ask(guarded.origin, path)[0].status for path in ("/healthz", "/readyz", "/metrics")} == {200}


def test_reachable_from_elsewhere_and_without_a_token_it_is_closed(server, tmp_path):
    with database(server) as url, console(tmp_path, url, RUNBELL_HTTP_HOST="0.0.0.0") as open_to_all:
        answer, text = ask(open_to_all.origin, "/")

    assert answer.status == 403
    assert "RUNBELL_HTTP_TOKEN" in text


@pytest.mark.parametrize("host", ["localhost:80", "127.0.0.1", "[::1]:8080", "127.9.9.9:1"])
def test_on_loopback_it_answers_to_the_names_of_this_machine(scene, host):
    assert ask(scene.origin, "/", Host=host)[0].status == 200


@pytest.mark.parametrize("host", ["evil.example.org", "127.0.0.1.example.org", "", "[::2]", "10.0.0.1"])
def test_on_loopback_a_page_from_elsewhere_that_leads_its_own_name_here_sees_nothing(scene, host):
    answer, text = ask(scene.origin, "/", Host=host)

    assert (answer.status, "report" in text) == (421, False)


@pytest.mark.parametrize("path", [*PAGES[:-1], "/sensor?name=none", "/sensor", "/requests?before=x"])
def test_every_answer_forbids_what_is_not_needed(scene, path):
    answer, _ = ask(scene.origin, path)

    policy = answer.getheader("content-security-policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.getheader("x-content-type-options") == "nosniff"
    assert answer.getheader("cache-control") == "no-store"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sensor", 400),
        ("/sensor?name=nobody", 404),
        ("/sensor?name=%00", 400),
        ("/sensor?name=alert&before=-1", 400),
        ("/requests?before=99999999999999999999999", 400),
        ("/requests?before=%D9%A3", 400),
        ("/requests?show=everything", 400),
        ("/request?id=0", 404),
        ("/request", 404),
        ("/dead-letter?id=0", 404),
        ("/run?id=nobody", 404),
        ("/?page=999999", 200),
        ("/assets/0/../../site.py", 404),
        ("/assets/0/console.css", 404),
        ("/sensor?name=" + "x" * 9000, 404),
    ],
)
def test_an_address_that_means_nothing_is_answered_with_a_sentence(scene, path, status):
    answer, text = ask(scene.origin, path)

    assert answer.status == status
    assert "Traceback" not in text


@pytest.mark.parametrize("path", PAGES)
def test_there_is_nothing_to_change(scene, path):
    assert ask(scene.origin, path, method="POST")[0].status == 405


def test_a_bad_token_is_named_without_being_shown(tmp_path):
    short = tmp_path / "token"
    short.write_text("hush-hush\n")
    (tmp_path / "sensors.py").write_text("")
    url = "postgresql://127.0.0.1:1/nothing"
    for given in (
        {"RUNBELL_HTTP_TOKEN": "hush-hush"},
        {"RUNBELL_HTTP_TOKEN_FILE": str(short)},
        {"RUNBELL_HTTP_TOKEN_FILE": str(tmp_path / "none")},
        {"RUNBELL_HTTP_TOKEN": TOKEN, "RUNBELL_HTTP_TOKEN_FILE": str(short)},
    ):
        ended = runbell("serve", cwd=tmp_path, RUNBELL_DATABASE_URL=url, **given)
        assert ended.code == 2
        assert "RUNBELL_HTTP_TOKEN" in ended.stderr
        assert "hush" not in ended.stdout + ended.stderr
        assert len(ended.stderr.splitlines()) == 1


def test_streams_beyond_a_few_are_told_to_come_later_and_health_is_answered(scene):
    host, _, port = scene.origin.removeprefix("http://").partition(":")
    streams = []
    for _ in range(20):
        stream = socket.create_connection((host, int(port)), timeout=10)
        stream.sendall(b"GET /live?of=/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in stream.recv(4096)
        streams.append(stream)

    assert ask(scene.origin, "/healthz")[0].status == 200
    for stream in streams:
        stream.close()
