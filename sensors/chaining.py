"""Job coordination: one job's success starts the next."""

from collections.abc import Iterator

import runbell


@runbell.run_status_sensor(
    run_status=runbell.DagsterRunStatus.SUCCESS,
    monitored_jobs=["extract_orders"],
    request_job="transform_orders",
)
def transform_what_was_extracted(context: runbell.RunStatusSensorContext) -> runbell.RunRequest:
    """The run key makes it one run for each extraction, whatever happens in between."""
    return runbell.RunRequest(run_key=context.dagster_run.run_id, partition_key=context.partition_key)


@runbell.run_status_sensor(
    run_status=runbell.DagsterRunStatus.SUCCESS,
    monitored_jobs=["transform_orders"],
    request_job="publish_report",
)
def publish_what_was_transformed(context: runbell.RunStatusSensorContext) -> Iterator[runbell.RunRequest]:
    """One request for each audience: all of them, or none."""
    for audience in ("sales", "finance"):
        yield runbell.RunRequest(
            run_key=f"{context.dagster_run.run_id}-{audience}",
            run_config={"ops": {"publish": {"config": {"audience": audience}}}},
            tags={"audience": audience},
        )
