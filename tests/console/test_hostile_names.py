"""Whatever sensors, runs, jobs and errors are called: it stays text, also as a word of a command."""

import subprocess
from urllib.parse import urlencode

import anyio
import asyncpg
import pytest

from support.console_scene import console, database
from support.daemons import evaluations, record, until

NAMES = [
    """<script>document.title='taken'</script>"'&{{7*7}} --yes; rm -rf / \u202e""",
    "--all",
    "'; DROP TABLE runbell.sensors; --",
    "</title></textarea><img src=x onerror=document.title='taken'>",
    "../../etc/passwd?name=other#fragment%00",
    "javascript:document.title='taken'",
    "line\nbreak\r\n\r\ndata: taken",
]
SENSORS = f"""
import runbell


def made(name):
    @runbell.run_failure_sensor(name=name, retry=runbell.RetryPolicy(attempts=1))
    def sensor(context):
        context.log.warning("about_to_raise", said=name)
        raise ValueError(name)

    return sensor


sensors = [made(name) for name in {NAMES!r}]
globals().update({{f"sensor_{{number}}": sensor for number, sensor in enumerate(sensors)}})
"""


@pytest.fixture(scope="module")
def hostile(server, tmp_path_factory):
    """A console of sensors with these names, which have all failed for a run with each of these names."""
    with database(server) as url, console(tmp_path_factory.mktemp("hostile"), url, sensors=SENSORS) as found:
        anyio.run(happen, url)
        yield found


async def happen(url):
    session = await asyncpg.connect(url)
    for name in NAMES:
        await record(session, name, "FAILURE", job=name, message=name, tags=f'{{"<b>": "{len(name)}"}}')
    await until(lambda: evaluations(session), lambda rows: len(rows) == len(NAMES) ** 2)
    await session.close()


@pytest.mark.parametrize("name", NAMES)
def test_it_stays_text_on_every_page(hostile, page, name):
    letter = hostile.ask("SELECT max(evaluation_id) FROM runbell.evaluations WHERE sensor_name = $1", name)
    for address in (
        "/",
        f"/?{urlencode({'name': name})}",
        f"/sensor?{urlencode({'name': name})}",
        f"/run?{urlencode({'id': name})}",
        f"/requests?{urlencode({'sensor': name})}",
        f"/dead-letters?{urlencode({'sensor': name})}",
        f"/dead-letter?id={letter}",
    ):
        page.open(hostile.origin + address)
        # As long as the page has had to show itself anew, too.
        page.until("document.querySelector('#freshness').textContent")
        assert page.evaluate("document.title") != "taken", address
        assert page.evaluate("[...document.scripts].every(one => one.src)"), address
        assert page.evaluate("document.images.length") == 0, address
        shown = page.evaluate(
            "document.documentElement.textContent + [...document.querySelectorAll('input')].map(o => o.value)"
        )
        assert flat(name) in flat(shown), address

    assert page.complaints == []
    assert {one.partition("/")[2].partition("/")[2].partition("/")[0] for one in page.asked} == {hostile.origin[7:]}


@pytest.mark.parametrize("name", NAMES)
def test_a_command_holds_it_as_one_word(hostile, page, name):
    page.open(f"{hostile.origin}/sensor?{urlencode({'name': name})}")

    said = page.evaluate("[...document.querySelectorAll('.commands code')].map(one => one.textContent)")

    assert all(command.startswith("runbell ") and command.isprintable() for command in said)
    words = [words_of(command) for command in said]
    assert ["sensors", "stop", name] in [[word for word in command if word != "--"] for command in words]
    assert ["dead-letters", "retry", f"--sensor={name}"] in words


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_the_same_sensor(hostile, page, name):
    page.open(hostile.origin + "/")

    hrefs = page.evaluate("[...document.querySelectorAll('tbody th a')].map(one => one.href)")
    titles = []
    for href in hrefs:
        assert href.startswith(hostile.origin + "/sensor?name=")
        page.open(href)
        titles.append(flat(page.evaluate("document.querySelector('h1 bdi').textContent")))

    assert flat(name) in titles


def words_of(command):
    """What a shell makes of the command, behind its first word."""
    script = f"runbell() {{ printf '%s\\0' \"$@\"; }}; {command}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    return done.stdout.decode().split("\0")[:-1]


def flat(text):
    """HTML takes every kind of line break for one, and a field to type in takes none."""
    return "".join(text.split())
