"""Every page, on a daemon that really runs, in a browser that really shows it."""

import pytest

from support.house import ROOT

IMAGES = ROOT / "docs" / "images"


def addresses(scene):
    """An address of each page, by name."""
    letter = scene.ask("SELECT max(evaluation_id) FROM runbell.evaluations WHERE sensor_name = 'alert'")
    request = scene.ask("SELECT request_id FROM runbell.run_requests WHERE state = 'failed'")
    run = scene.ask("SELECT e.run_id FROM runbell.run_events e JOIN runbell.run_requests q USING (event_id) WHERE q.run_id = 'report-1'")
    return {
        "overview": "/",
        "sensor": "/sensor?name=alert",
        "run": f"/run?id={run}&source=sql",
        "runs": "/run",
        "requests": "/requests",
        "request": f"/request?id={request}",
        "dead-letters": "/dead-letters",
        "dead-letter": f"/dead-letter?id={letter}",
        "replicas": "/replicas",
    }


PAGES = ["overview", "sensor", "run", "runs", "requests", "request", "dead-letters", "dead-letter", "replicas"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_each_page_shows_itself_without_a_complaint_and_asks_nobody_else(scene, page, name, scheme):
    page.set_scheme(scheme)

    page.open(scene.origin + addresses(scene)[name])

    assert page.evaluate("document.querySelector('h1').textContent")
    page.screenshot(IMAGES / f"{name}-{scheme}.png")
    assert [address for address in page.asked if not address.startswith(scene.origin)] == []
    assert page.complaints == []
