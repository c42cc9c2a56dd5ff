"""In a rehearsal a sensor of Dagster's asks nothing of Dagster's instance, and what it would ask is noted."""

import dagster as dg
import pytest

from runbell.core.rehearsal import Rehearsal, Unsent, rehearsed
from runbell.sources.dagster.finding import converted
from runbell.sources.dagster.instance import SHARED
from runbell.testing import evaluate

pytestmark = pytest.mark.filterwarnings("default")


@dg.op
def nothing(): ...


@dg.job
def downstream():
    nothing()


@pytest.fixture
def instance(monkeypatch):
    """The instance that DAGSTER_HOME would give."""
    with dg.DagsterInstance.ephemeral() as made:
        monkeypatch.setattr(SHARED, "made", made)
        yield made


def test_a_rehearsal_tells_dagsters_instance_nothing_and_says_what_it_would(instance):
    regions = dg.DynamicPartitionsDefinition(name="rehearsed_regions")
    instance.add_dynamic_partitions("rehearsed_regions", ["north"])

    @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, request_job=downstream)
    def chain(context):
        return dg.SensorResult(
            run_requests=[dg.RunRequest()],
            dynamic_partitions_requests=[
                regions.build_add_request(["south", "east"]),
                regions.build_delete_request(["north"]),
            ],
            asset_events=[dg.AssetMaterialization(["rehearsed", "table"])],
        )

    with rehearsed(Rehearsal()) as rehearsal:
        found = evaluate(converted(chain, None), status="SUCCESS", source="dagster")

    assert found.outcome == "requested", found.error
    assert instance.get_dynamic_partitions("rehearsed_regions") == ["north"]
    assert instance.get_latest_materialization_event(dg.AssetKey(["rehearsed", "table"])) is None
    assert rehearsal.unsent == [
        Unsent("Dagster", "add partitions of rehearsed_regions: south, east"),
        Unsent("Dagster", "delete partitions of rehearsed_regions: north"),
        Unsent("Dagster", "report AssetMaterialization of rehearsed/table"),
    ]
