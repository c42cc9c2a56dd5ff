"""Sensors made by Dagster's own decorators: found, converted, and evaluated through Dagster with nothing changed."""

import threading

import dagster as dg
import pytest

import runbell
from runbell.core.errors import LoadingError, SettingsError
from runbell.ops.loading import load_sensors
from runbell.sources.dagster.finding import converted, find
from runbell.sources.dagster.instance import SHARED, make_ready, refuse_without_home
from runbell.testing import evaluate

pytestmark = pytest.mark.filterwarnings("default")


@dg.op
def load():
    raise ValueError("no space left")


@dg.op
def nothing(): ...


@dg.job(tags={"team": "data"})
def failing():
    load()


@dg.job
def succeeding():
    nothing()


@dg.job
def downstream():
    nothing()


@dg.job
def other():
    nothing()


class Mailbox(dg.ConfigurableResource):
    address: str


@pytest.fixture(scope="module")
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(autouse=True)
def shared(instance, monkeypatch):
    """The instance that DAGSTER_HOME would give."""
    monkeypatch.setattr(SHARED, "made", instance)


@pytest.fixture(scope="module")
def failed(instance):
    return failing.execute_in_process(instance=instance, raise_on_error=False)


@pytest.fixture(scope="module")
def succeeded(instance):
    return succeeding.execute_in_process(instance=instance)


def evaluated(definition, result, repository=None, **more):
    run = result.dagster_run
    given = {"tags": dict(run.tags), "source": "dagster", "job_name": run.job_name, "run_id": run.run_id}
    return evaluate(converted(definition, repository), **given | more)


def test_dagsters_own_context_with_its_own_objects(failed, instance):
    seen = []

    @dg.run_failure_sensor
    def alert(context: dg.RunFailureSensorContext):
        seen.append(context)

    assert evaluated(alert, failed).outcome == "acted"

    (context,) = seen
    assert type(context) is dg.RunFailureSensorContext
    assert context.instance is instance
    assert type(context.dagster_run) is dg.DagsterRun
    assert context.dagster_run == failed.dagster_run.with_status(dg.DagsterRunStatus.FAILURE)
    assert context.failure_event == failed.get_run_failure_event()
    (step,) = context.get_step_failure_events()
    assert (step.step_key, step.event_specific_data.error.cause.cls_name) == ("load", "ValueError")
    # What people look for on them, and Dagster does not have.
    assert context.failure_event.run_id == failed.run_id
    assert context.dagster_run.start_time == pytest.approx(1_767_225_600)


def test_the_run_is_what_it_was_when_its_status_changed(succeeded):
    seen = []

    @dg.run_status_sensor(run_status=dg.DagsterRunStatus.STARTED)
    def on_start(context):
        seen.append(context)

    evaluated(on_start, succeeded, tags={"then": "1", "dagster/partition": "2026-01-01"})

    (context,) = seen
    assert (context.dagster_run.status, dict(context.dagster_run.tags)) == (
        dg.DagsterRunStatus.STARTED,
        {"then": "1", "dagster/partition": "2026-01-01"},
    )
    assert context.partition_key == "2026-01-01"
    assert context.dagster_event.event_type_value == "PIPELINE_START"


def test_a_run_that_dagster_does_not_know_is_made_of_what_was_recorded(succeeded):
    seen = []

    @dg.run_failure_sensor
    def alert(context):
        seen.append(context)

    evaluated(alert, succeeded, run_id="gone", job_name="dropped", message="no space left")

    (context,) = seen
    assert (context.dagster_run.job_name, context.failure_event.message) == ("dropped", "no space left")
    assert context.get_step_failure_events() == []


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (lambda: None, "acted"),
        (lambda: dg.RunRequest(run_key="1"), "requested"),
        (lambda: [dg.RunRequest(run_key="1"), dg.RunRequest(run_key="2")], "requested"),
        (lambda: (request for request in [dg.RunRequest(run_key="1")]), "requested"),
        (lambda: dg.SkipReason("enough"), "skipped"),
        (list, "skipped"),
        (lambda: dg.SensorResult(run_requests=[dg.RunRequest()]), "requested"),
        (lambda: dg.SensorResult(skip_reason="enough"), "skipped"),
        (lambda: dg.SensorResult(cursor="1"), "failed"),
        (lambda: 5, "failed"),
    ],
)
def test_each_answer_means_what_it_means_in_dagster(succeeded, answer, outcome):
    @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, request_job=downstream)
    def chain(context):
        return answer()

    found = evaluated(chain, succeeded)

    assert found.outcome == outcome
    assert found.final is (outcome == "failed")


def test_requests_keep_what_they_say(succeeded):
    @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, request_jobs=[downstream, other])
    def chain(context):
        yield dg.RunRequest(
            run_key="1",
            job_name="other",
            run_config=dg.RunConfig(ops={"nothing": {"a": 1}}),
            tags={"b": "2"},
            partition_key="2026-01-01",
            asset_selection=[dg.AssetKey(["a", "b"])],
        )

    (request,) = evaluated(chain, succeeded).requests

    assert (request.run_key, request.job_name, request.partition_key) == ("1", "other", "2026-01-01")
    assert (request.run_config["ops"], request.asset_selection) == ({"nothing": {"a": 1}}, [["a", "b"]])
    assert request.tags["b"] == "2"


def test_resources_are_set_up_around_the_function_also_while_a_generator_runs(succeeded):
    happened = []

    @dg.resource
    def channel():
        happened.append("up")
        yield "channel"
        happened.append("down")

    @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, request_job=downstream)
    def chain(context, mailbox: Mailbox, channel: dg.ResourceParam[str]):
        happened.append((mailbox.address, channel))
        yield dg.RunRequest()

    mailbox = Mailbox(address="a@b")
    defs = dg.Definitions(sensors=[chain], resources={"mailbox": mailbox, "channel": channel, "broken": 1})
    repository = defs.get_repository_def()

    assert evaluated(repository.get_sensor_def("chain"), succeeded, repository).outcome == "requested"
    assert happened == ["up", ("a@b", "channel"), "down"]


def test_a_function_may_take_nothing_or_resources_alone(succeeded):
    happened = []

    @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS)
    def none():
        happened.append("none")

    @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS)
    def alone(mailbox: Mailbox):
        happened.append(mailbox.address)

    repository = dg.Definitions(sensors=[none, alone], resources={"mailbox": Mailbox(address="a@b")})
    for definition in repository.get_repository_def().sensor_defs:
        assert evaluated(definition, succeeded, repository.get_repository_def()).outcome == "acted"

    assert sorted(happened) == ["a@b", "none"]


def test_an_async_function_which_dagster_never_runs_is_run(succeeded):
    @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, request_job=downstream)
    async def chain(context):
        return dg.RunRequest()

    assert evaluated(chain, succeeded).outcome == "requested"


def test_dynamic_partitions_are_added_to_dagsters_instance(succeeded, instance):
    regions = dg.DynamicPartitionsDefinition(name="regions")

    @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, request_job=downstream)
    def chain(context):
        requests = [dg.RunRequest(partition_key="north")]
        return dg.SensorResult(
            run_requests=requests,
            dynamic_partitions_requests=[regions.build_add_request(["north", "south"])],
        )

    assert evaluated(chain, succeeded).outcome == "requested"
    assert sorted(instance.get_dynamic_partitions("regions")) == ["north", "south"]


def test_what_it_raises_is_told_from_its_own_line_on_and_its_log_lines_are_kept(succeeded, caplog):
    @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS)
    def broken(context):
        context.log.warning("about to fail: %s", context.dagster_run.job_name)
        raise LookupError(threading.current_thread().name)

    found = evaluated(broken, succeeded)

    assert found.outcome == "failed"
    assert "in broken\n" in found.error
    assert "sources/dagster" not in found.error
    assert [line.getMessage() for line in caplog.records if line.levelname == "WARNING"] == [
        "about to fail: succeeding"
    ]


def test_what_it_watches_and_requests_is_read_off_the_definition():
    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.CANCELED,
        name="named",
        description="Says so.",
        monitored_jobs=[
            failing,
            dg.define_asset_job("assets"),
            dg.JobSelector(location_name="elsewhere", job_name="load"),
            dg.CodeLocationSelector("third"),
        ],
        request_jobs=[downstream, other],
        default_status=dg.DefaultSensorStatus.RUNNING,
        tags={"a": "b"},
        metadata={"c": 1},
    )
    def watch(context): ...

    sensor = converted(watch)

    assert (sensor.name, sensor.description, sensor.statuses) == ("named", "Says so.", {"CANCELED"})
    assert [(job.job_name, job.code_location) for job in sensor.jobs] == [
        ("failing", None),
        ("assets", None),
        ("load", "elsewhere"),
        ("*", "third"),
    ]
    assert (sensor.request_jobs, sensor.default_status.value) == (("downstream", "other"), "RUNNING")
    assert (sensor.tags, sensor.metadata) == ({"a": "b"}, {"c": 1})
    assert sensor.declared_at.startswith(f"{__file__}:")


@dg.run_failure_sensor
def listed(context): ...


@dg.run_failure_sensor
def unlisted(context): ...


@dg.sensor(job=downstream)
def files(context): ...


daily = dg.ScheduleDefinition(name="daily", job=downstream, cron_schedule="@daily")
email = dg.make_email_on_run_failure_sensor("a@b", "secret", ["c@d"])


def test_what_definitions_hold_counts_and_where_there_are_none_what_stands_by_itself():
    defs = dg.Definitions(sensors=[listed, files, email], schedules=[daily])

    @dg.definitions
    def lazy():
        return defs

    @dg.repository
    def old():
        return [listed, files, email, daily]

    for given in (defs, lazy, old):
        found = find([given, listed, unlisted, files, daily])
        assert {sensor.name for sensor in found.sensors} == {"listed", "email_on_run_failure"}
        assert (found.left, found.unlisted) == (("files", "daily"), ("unlisted",))
    assert [sensor.name for sensor in find([listed, unlisted, files]).sensors] == ["listed", "unlisted"]


def test_sensors_of_runbells_in_definitions_come_with_the_resources_that_these_declare():
    @runbell.run_failure_sensor
    def ours(context): ...

    found = find([runbell.Definitions(sensors=[ours], resources={"mailbox": Mailbox(address="a@b")})])

    assert found.sensors == (ours,)
    with dg.build_resources({"it": found.resources["ours"]["mailbox"]}) as built:
        assert built.it.address == "a@b"


MODULE = """
import dagster as dg
import runbell

@dg.run_failure_sensor
def theirs(context): ...

@runbell.run_failure_sensor
def ours(context): ...

defs = runbell.Definitions(sensors=[theirs, ours])
"""


def test_a_module_may_hold_sensors_of_both(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "both_worlds.py").write_text(MODULE)
    (tmp_path / "broken_world.py").write_text(f"{MODULE}\nmore = dg.Definitions(sensors=[theirs, 5])\n")

    loaded = load_sensors(str(tmp_path / "both_worlds.py"))

    assert {(sensor.name, sensor.is_native) for sensor in loaded.sensors} == {("ours", False), ("theirs", True)}
    with pytest.raises(LoadingError, match="broken_world"):
        load_sensors(str(tmp_path / "broken_world.py"))


def test_the_home_of_dagster_must_be_given(monkeypatch, tmp_path):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with pytest.raises(SettingsError, match=r"DAGSTER_HOME is not set: set it to the folder that holds"):
        refuse_without_home()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="which is no absolute path of a folder"):
        refuse_without_home()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    refuse_without_home()


def test_what_dagster_refuses_in_its_home_is_said_at_start_and_a_database_that_is_away_is_waited_for(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setattr(SHARED, "made", None)
    (tmp_path / "dagster.yaml").write_text("storage: {postgres: {postgres_url: 5}, other: 1}")
    with pytest.raises(SettingsError, match=r"Dagster cannot use what stands there: \w+: "):
        make_ready()

    away = "storage: {postgres: {postgres_url: 'postgresql://nobody@127.0.0.1:1/none'}}"
    (tmp_path / "dagster.yaml").write_text(away)
    make_ready()
    assert SHARED.made is None
