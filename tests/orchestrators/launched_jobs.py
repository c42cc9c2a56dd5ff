"""The jobs that Runbell has launched in the suite: Dagster loads them in its code server and executes them."""

import dagster as dg

DAYS = dg.StaticPartitionsDefinition(["mon", "tue"])


@dg.op
def work() -> None: ...


@dg.op(config_schema={"limit": int})
def limited() -> None: ...


@dg.job(executor_def=dg.in_process_executor, tags={"team": "data"})
def extract() -> None:
    work()


@dg.job(executor_def=dg.in_process_executor)
def transform() -> None:
    work()


@dg.job(executor_def=dg.in_process_executor)
def strict() -> None:
    limited()


@dg.static_partitioned_config(partition_keys=DAYS.get_partition_keys())
def config_of_day(key: str) -> dict[str, object]:
    return {"ops": {"limited": {"config": {"limit": len(key)}}}}


@dg.job(executor_def=dg.in_process_executor, config=config_of_day)
def daily() -> None:
    limited()


@dg.asset
def orders() -> None: ...


@dg.asset
def customers() -> None: ...


@dg.asset(partitions_def=DAYS)
def days() -> None: ...


def measured(number: int) -> dg.JobDefinition:
    """A job whose success both daemons answer: each requests a run of a job of its own."""
    return dg.JobDefinition(
        name=f"measured_{number}",
        graph_def=dg.GraphDefinition(f"measured_{number}", node_defs=[work]),
        executor_def=dg.in_process_executor,
    )


MEASURED = [measured(number) for number in range(4)]


@dg.job(executor_def=dg.in_process_executor)
def answer_of_dagster() -> None:
    work()


@dg.job(executor_def=dg.in_process_executor)
def answer_of_runbell() -> None:
    work()


def sensor_of_dagster(job: dg.JobDefinition) -> dg.RunStatusSensorDefinition:
    # One for each job: a sensor that requests runs answers one event per tick.
    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name=f"dagster_answers_{job.name}",
        monitored_jobs=[job],
        request_job=answer_of_dagster,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def answer(context: dg.RunStatusSensorContext) -> dg.RunRequest:
        return dg.RunRequest(
            run_key=context.dagster_run.run_id, tags={"answers": context.dagster_run.run_id, "waits": "for ever"}
        )

    return answer


defs = dg.Definitions(
    assets=[orders, customers, days],
    jobs=[
        *(extract, transform, strict, daily, answer_of_dagster, answer_of_runbell),
        *MEASURED,
        dg.define_asset_job("shop", selection=["orders", "customers"], executor_def=dg.in_process_executor),
        dg.define_asset_job("calendar", selection=["days"], executor_def=dg.in_process_executor),
    ],
    sensors=[sensor_of_dagster(job) for job in MEASURED],
)
