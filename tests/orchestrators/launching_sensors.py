"""The sensors that request the runs of the suite."""

import os

import runbell as rb


@rb.run_status_sensor(run_status="SUCCESS", monitored_jobs=["extract"], request_job="transform")
def after_extract(context: rb.RunStatusSensorContext) -> rb.RunRequest:
    return rb.RunRequest(run_key=context.dagster_run.run_id, tags={"answers": context.dagster_run.run_id})


@rb.run_status_sensor(run_status="SUCCESS", monitored_jobs=["transform"])
def after_transform(context: rb.RunStatusSensorContext) -> None:
    tags = context.dagster_run.tags
    # One write to a file opened for appending: lines of threads do not mix.
    with open(os.environ["ALERTS_FILE"], "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write(f"{context.dagster_run.run_id} {tags['answers']} {tags['runbell/chain']}\n")


@rb.run_status_sensor(run_status="SUCCESS", monitored_jobs=["measured_*"], request_job="answer_of_runbell")
def measure(context: rb.RunStatusSensorContext) -> rb.RunRequest:
    return rb.RunRequest(
        run_key=context.dagster_run.run_id, tags={"answers": context.dagster_run.run_id, "waits": "for ever"}
    )
