"""Arguments under the names that older versions of Dagster had for them, and what is meant by names that never were."""

from collections.abc import Mapping
from typing import Any

from runbell.core.arguments import Arguments

FORMER = {"job_selection": "monitored_jobs", "monitor_all_repositories": "monitor_all_code_locations"}

# Names that people give, and what they mean by them.
MEANT = {
    "monitored_job_name": "monitored_jobs",
    "monitored_job": "monitored_jobs",
    "exclude_jobs": "excluded_jobs",
    "run_tags": "monitored_tags",
    "partitions": "monitored_partitions",
    "origins": "monitored_origins",
    "request_job_name": "request_job",
    "request_job_names": "request_jobs",
    "job": "request_job",
    "jobs": "request_jobs",
    "run_statuses": "run_status",
    "status": "run_status",
    "pipeline_run_status": "run_status",
    "retry_policy": "retry",
    "timeout": "timeout_seconds",
    "rate_limit": "max_per_minute",
    "concurrency": "max_concurrent",
}


def under_todays_names(sensor: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with each former name replaced. `monitored_jobs` wins over `job_selection`, as in Dagster.

    Raises:
        DefinitionError: both names of monitor_all_code_locations were given.

    Example:
        >>> under_todays_names("greet", {"job_selection": ["etl"]})
        {'monitored_jobs': ['etl']}
    """
    renamed = {name: value for name, value in given.items() if name not in FORMER}
    for former, today in FORMER.items():
        value = given.get(former)
        if value is None:
            continue
        if renamed.get(today) is None:
            renamed[today] = value
        elif today == "monitor_all_code_locations":
            raise Arguments(sensor, given).wrong(
                former, f"is the former name of {today}, which is given too: leave it out"
            )
    return renamed


def meant(argument: str, known: list[str]) -> str:
    """What to write in place of an argument that there is not, as the end of a sentence.

    Example:
        >>> meant("request_job_name", ["request_job"])
        'write request_job='
    """
    from difflib import get_close_matches

    name = MEANT.get(argument) or next(iter(get_close_matches(argument, known, n=1)), None)
    return f"write {name}=" if name else f"there are {', '.join(known)}"
