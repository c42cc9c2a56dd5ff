"""Every page, on a daemon that really runs, in a browser that really shows it."""

import os

import pytest

from support.house import ROOT

# SCREENSHOTS=1: those of the documentation are made anew.
IMAGES = ROOT / "docs" / "images" if os.environ.get("SCREENSHOTS") else None
PAGES = ["overview", "sensor", "run", "runs", "requests", "request", "dead-letters", "dead-letter", "replicas"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_each_page_shows_itself_without_a_complaint_and_asks_nobody_else(scene, page, tmp_path, name, scheme):
    page.set_scheme(scheme)

    page.open(scene.origin + scene.addresses[name])

    page.screenshot((IMAGES or tmp_path) / f"{name}-{scheme}.png")
    assert page.evaluate("document.querySelectorAll('h1').length") == 1
    assert page.evaluate("document.querySelectorAll('.commands code').length > 0") is (name != "runs")
    assert too_wide(page) == []
    assert brightness(page) < 60 if scheme == "dark" else brightness(page) > 200
    assert [address for address in page.asked if not address.startswith(scene.origin + "/")] == []
    assert page.complaints == []


@pytest.mark.parametrize("name", PAGES)
def test_each_page_can_be_read_aloud_and_walked_through_with_the_tab_key(scene, page, name):
    page.open(scene.origin + scene.addresses[name])

    assert unnamed(page) == []
    assert page.evaluate("document.documentElement.lang") == "en"
    reached = walk(page)

    assert reached[0] == "Skip to the content"
    assert {"Overview", "Requests", "Dead letters", "Runs", "Replicas"} <= set(reached)
    wanted = page.evaluate(
        "document.querySelectorAll('main a, main button, main input, main select, main summary').length"
    )
    assert page.evaluate("[...document.querySelectorAll('main *')].filter(one => one.walked).length") >= wanted


@pytest.mark.parametrize("width", [360, 1920])
def test_it_fits_on_a_telephone_and_on_a_wide_screen(scene, page, width):
    page.set_width(width)

    for address in scene.addresses.values():
        page.open(scene.origin + address)
        assert too_wide(page) == [], address


def test_the_keyboard_leads_from_the_overview_to_a_traceback(scene, page):
    page.open(scene.origin + "/")

    follow(page, "/sensor?name=alert")
    page.until("document.querySelector('h1')?.textContent === 'Sensor alert'")
    follow(page, f"/dead-letter?id={scene.letter}")
    page.until("document.querySelector('h1')?.textContent.startsWith('Dead letter')")

    assert "chat.example.org did not answer" in page.evaluate("document.querySelector('pre').textContent")
    assert "Traceback" in page.evaluate("document.querySelector('pre').textContent")
    assert f"runbell dead-letters retry {scene.letter}" in page.evaluate(
        "document.querySelector('.commands').textContent"
    )


def test_the_chain_of_a_run_shows_what_led_to_it_who_reacted_and_what_came_of_that(scene, page):
    page.open(scene.origin + scene.addresses["run"])
    shown = page.evaluate("document.querySelector('#content').innerText")

    assert "No sensor asked for it" in shown
    steps = ["STARTED", "slow", "SUCCESS", "report requested build_report", "launched", "report-1", "publish"]
    places = [shown.partition("What came of it")[2].find(step) for step in steps]
    assert places == sorted(places)
    assert -1 not in places

    follow(page, "/run?id=report-1&source=sql")
    page.until("document.querySelector('h1')?.textContent === 'Run report-1'")
    assert "load_orders SUCCESS, run load-1: report made request" in page.evaluate(
        "document.querySelector('#content').innerText"
    )


def test_a_run_known_by_its_tag_alone_has_its_cause_and_the_sensor_that_asks_for_its_tags(scene, page):
    request = scene.ask("SELECT min(request_id) FROM runbell.run_requests WHERE run_id IS NULL")
    scene.act(
        """SELECT runbell.record_run_status(run_id => 'tagged-1', job_name => 'build_report', status => 'SUCCESS',
            tags => jsonb_build_object('team', 'audited', 'runbell/request_id', $1::text))""",
        str(request),
    )

    page.open(scene.origin + "/run?id=tagged-1")

    # The page shows by itself that the sensors have got so far.
    settled = "skipped: audit, publish"
    page.until(f"document.querySelector('#content').innerText.includes('{settled}')")
    shown = page.evaluate("document.querySelector('#content').innerText")
    assert f"report made request {request}" in shown
    assert "load_orders SUCCESS" in shown


def test_a_page_shows_by_itself_what_has_changed_and_keeps_the_place_of_whoever_reads(scene, page):
    page.open(scene.origin + scene.addresses["request"])
    page.evaluate("document.querySelector('.commands code').focus(); window.kept = true")

    scene.act("UPDATE runbell.run_requests SET error = 'still no such job' WHERE request_id = $1", scene.failed_request)

    page.until("document.querySelector('#content').textContent.includes('still no such job')")
    assert page.evaluate("window.kept")
    assert page.evaluate("document.activeElement.tagName") == "CODE"
    assert page.evaluate("document.querySelector('#live').getAttribute('aria-pressed')") == "true"
    page.evaluate("document.querySelector('#live').click()")
    assert page.evaluate("document.querySelector('#live').getAttribute('aria-pressed')") == "false"


def too_wide(page):
    """What makes the whole page wider than its window."""
    return page.evaluate(
        """document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('main *, header *')]
            .filter(one => one.getBoundingClientRect().right > innerWidth && !one.closest('.scroll, pre'))
            .map(one => one.outerHTML.slice(0, 200))"""
    )


def brightness(page):
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return max(int(part) for part in colour.strip("rgba()").split(",")[:3])


def unnamed(page):
    """What a screen reader would have no name for."""
    return page.evaluate(
        """[...document.querySelectorAll('a, button, input, select, svg, [role=region]')].filter(one =>
            one.checkVisibility()
            && !(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length)
        ).map(one => one.outerHTML)"""
    )


def walk(page):
    """What the focus comes by, from the start of the page to its end."""
    reached = []
    for _ in range(400):
        page.press("Tab", 9)
        seen = page.evaluate(
            """(() => { const one = document.activeElement; if (one === document.body) return null;
                const again = Boolean(one.walked); one.walked = true;
                const shown = getComputedStyle(one).outlineStyle !== 'none';
                return [again, shown, one.textContent.trim().slice(0, 60)]; })()"""
        )
        if seen is None or seen[0]:
            return reached
        assert seen[1], f"nothing shows that the focus is on {seen[2]}"
        reached.append(seen[2])
    raise AssertionError("the page never ends")


def follow(page, address):
    """Press Tab until a link that leads there has the focus, then Enter."""
    for _ in range(200):
        page.press("Tab", 9)
        if page.evaluate("document.activeElement.getAttribute('href')") == address:
            page.press("Enter", 13)
            return
    raise AssertionError(f"no link to {address}")
