"""Says in words what a sensor watches."""

from runbell.core.filters import Filter, JobPattern
from runbell.core.narrowing import Narrowing, TagPattern


def said_filter(wanted: Filter) -> str:
    """Which statuses of which jobs it asks for; one without a status is what was stored and cannot be read.

    Example:
        >>> said_filter(Filter(frozenset({"FAILURE"}), (JobPattern("etl_*"),), "shop", excluded=(JobPattern("etl_x"),)))
        'FAILURE of etl_* except etl_x in code location shop'
    """
    if not wanted.statuses:
        return "nobody can read what"
    jobs = "every job" if wanted.jobs is None else ", ".join(map(said_job, wanted.jobs))
    jobs += f" except {', '.join(map(said_job, wanted.excluded))}" if wanted.excluded else ""
    where = "every code location" if wanted.scope is None else f"code location {wanted.scope}"
    own = ", also its own runs" if wanted.own_runs else ""
    return f"{', '.join(sorted(wanted.statuses))} of {jobs} in {where}{own}"


def said_narrowing(wanted: Filter, *, only_final_failures: bool = False) -> str:
    """What it asks of a run beyond its status and job; empty: nothing.

    Example:
        >>> said_narrowing(Filter(frozenset({"FAILURE"}), narrowing=Narrowing(origins=("schedule",))))
        'started by schedule'
    """
    narrowing = wanted.narrowing or Narrowing()
    asked = (
        ("tags ", list(map(_tag, narrowing.tags))),
        ("partitions ", narrowing.partitions),
        ("", ["failures that are not retried"] if only_final_failures else []),
        ("started by ", narrowing.origins),
    )
    return "; ".join(f"{what}{', '.join(values)}" for what, values in asked if values)


def _tag(asked: TagPattern) -> str:
    if not asked.present:
        return f"no {asked.key}"
    return f"{asked.key}={' or '.join(asked.values)}" if asked.values else f"{asked.key} with any value"


def said_job(job: JobPattern) -> str:
    """A job as it is declared.

    Example:
        >>> said_job(JobPattern("load", "there"))
        'there:load'
    """
    return job.job_name if job.code_location is None else f"{job.code_location}:{job.job_name}"
