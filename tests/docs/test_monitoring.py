"""The dashboard and the alert rules ask for metrics and labels that there are."""

import json
import re

import yaml

from runbell.ops.exposition import FAMILIES
from support.house import ROOT

FOLDER = ROOT / "docs" / "monitoring"
# Those of Prometheus itself, and what a histogram has beside its own.
LABELS = {"instance", "job", "le", "alertname", "alertstate"}


def expressions():
    dashboard = json.loads((FOLDER / "grafana.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text())
    for rule in rules["groups"][0]["rules"]:
        yield rule["alert"], rule["expr"]


def known():
    names = {}
    for family in FAMILIES:
        endings = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
        names.update({f"{family.name}{ending}": set(family.labels) for ending in endings})
    return names


def test_every_metric_that_is_asked_for_exists():
    asked = {name for _, expression in expressions() for name in re.findall(r"\brunbell_\w+", expression)}

    assert asked - set(known()) == set()


def test_every_label_that_is_asked_for_is_one_of_its_metric():
    for title, expression in expressions():
        names = re.findall(r"\brunbell_\w+", expression)
        allowed = set.union(*(known()[name] for name in names)) | LABELS
        grouped = {label for found in re.findall(r"\bby \(([^)]*)\)", expression) for label in found.split(", ")}
        selected = set(re.findall(r'[{,](\w+)[=!]~?"', expression))
        assert (grouped | selected) - allowed == set(), title


def test_every_metric_stands_on_the_dashboard_or_in_a_rule():
    asked = " ".join(expression for _, expression in expressions())

    assert [family.name for family in FAMILIES if family.name not in asked] == []


def test_each_alert_says_what_to_do():
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]

    assert all({"summary", "remedy"} == set(rule["annotations"]) for rule in rules)
    assert all(rule["labels"]["severity"] in {"warning", "critical"} for rule in rules)


def test_panels_do_not_lie_on_one_another_and_say_what_they_show():
    panels = json.loads((FOLDER / "grafana.json").read_text())["panels"]
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        assert panel["type"] == "row" or panel["description"]
    assert len({panel["id"] for panel in panels}) == len(panels)
