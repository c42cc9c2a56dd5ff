"""Where people look at a run: a template of the orchestrator's pages."""

import re
from urllib.parse import quote, urlsplit

from runbell.core.runs import RunFacts

EXAMPLE_RUN_URL = "https://dagster.example.com/runs/{run_id}"
NAMES = ("run_id", "job_name", "code_location", "source")
_PLACE = re.compile(r"\{([^{}]*)\}")


def run_url(template: str | None, run: RunFacts) -> str | None:
    """The page of a run; None without a template.

    Example:
        >>> run = RunFacts(run_id="a/b", source="sql", job_name="etl", status="SUCCESS")
        >>> run_url("https://dagster.example.com/runs/{run_id}", run)
        'https://dagster.example.com/runs/a%2Fb'
    """
    if template is None:
        return None
    return _PLACE.sub(lambda place: quote(str(getattr(run, place[1]) or ""), safe=""), template)


def why_no_run_url(template: str) -> str | None:
    """What is wrong with a template, as the end of a sentence; None if nothing is.

    Example:
        >>> why_no_run_url("https://dagster.example.com/runs/")
        'has no {run_id} in it'
    """
    try:
        url = urlsplit(template)
        sound = url.scheme in {"http", "https"} and bool(url.hostname) and not re.search(r"\s", template)
    except ValueError:
        sound = False
    places = _PLACE.findall(template)
    if not sound:
        return "is no URL that begins with http:// or https://"
    if "run_id" not in places:
        return "has no {run_id} in it"
    left = _PLACE.sub("", template)
    if not set(places) <= set(NAMES) or "{" in left or "}" in left:
        return f"has braces with something else than {', '.join(NAMES)} in them"
    return None
