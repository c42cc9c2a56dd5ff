"""Jobs that a real Dagster executes: one succeeds, one fails in a step.

A program of its own, so that the tests' process loads nothing of Dagster:
`python dagster_jobs.py DATABASE_URL [JOB TIMES ...]` prints `job run_id` for each run.
"""

import os
import sys
import tempfile
from pathlib import Path

import dagster as dg

STORAGE = """
storage:
  postgres:
    postgres_url: "{url}"
telemetry:
  enabled: false
run_retries:
  enabled: {retries}
"""


@dg.op
def extract() -> int:
    return 1


@dg.op
def transform(rows: int) -> int:
    try:
        return {}["missing"]
    except KeyError as error:
        raise ValueError(f"nothing to transform in {rows} row ☃") from error


@dg.op
def load(rows: int) -> None:
    raise AssertionError(rows)


@dg.op(config_schema={"limit": int})
def report(context: dg.OpExecutionContext) -> None:
    context.log.info("limit %s", context.op_config["limit"])


@dg.job(executor_def=dg.in_process_executor, tags={"team": "data"})
def daily_report() -> None:
    report()


@dg.job(executor_def=dg.in_process_executor)
def nightly_load() -> None:
    load(transform(extract()))


CONFIG = {"daily_report": {"ops": {"report": {"config": {"limit": 3}}}}}
# Given, Dagster's retries of runs are switched on, with so many for these runs.
MAX_RETRIES = os.environ.get("MAX_RETRIES")
TAGS = {"dagster/partition": "2024-02-29", "dagster/code_location": "warehouse"}


def main(url: str, *jobs: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "dagster.yaml").write_text(STORAGE.format(url=url, retries=str(MAX_RETRIES is not None).lower()))
        with dg.DagsterInstance.from_config(folder) as instance:
            for name, times in zip(jobs[::2], jobs[1::2], strict=True):
                for _ in range(int(times)):
                    done = dg.execute_job(
                        dg.reconstructable(globals()[name]),
                        instance,
                        run_config=CONFIG.get(name, {}),
                        tags=TAGS if MAX_RETRIES is None else TAGS | {"dagster/max_retries": MAX_RETRIES},
                        raise_on_error=False,
                    )
                    print(name, done.run_id, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
