"""Names of Dagster's that sensors use beside the decorators, without Dagster."""

import sys

import pytest

import runbell as dg
from runbell.core.stand_ins import STAND_INS
from runbell.testing import evaluate


@pytest.fixture
def without_dagster(monkeypatch):
    monkeypatch.setitem(sys.modules, "dagster", None)


@pytest.mark.usefixtures("without_dagster")
def test_a_sensor_that_asks_for_runs_and_selects_assets_needs_no_dagster():
    @dg.run_status_sensor(dg.DagsterRunStatus.SUCCESS, request_job="report")
    def once_idle(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        busy: list[dg.DagsterRun] = context.instance.get_runs(
            filters=dg.RunsFilter(job_name="report", statuses=[dg.DagsterRunStatus.STARTED]), limit=1
        )
        if busy:
            return dg.SkipReason("it runs")
        return dg.RunRequest(asset_selection=[dg.AssetKey("orders"), dg.AssetKey(["warehouse", "items"])])

    (request,) = evaluate(once_idle, job_name="etl").requests

    assert request.asset_selection == [["orders"], ["warehouse", "items"]]
    assert isinstance(once_idle, dg.SensorDefinition)
    assert dg.AssetKey("a") == dg.AssetKey(["a"])
    assert len({dg.AssetKey("a"), dg.AssetKey(["a"])}) == 1


@pytest.mark.usefixtures("without_dagster")
@pytest.mark.parametrize("name", [*STAND_INS])
def test_each_name_is_there_without_dagster(name):
    assert getattr(dg, name) is STAND_INS[name]


def test_where_dagster_is_installed_its_own_is_meant(monkeypatch):
    stands_for_dagster = type(sys)("dagster")
    stands_for_dagster.RunsFilter = "Dagster's own"
    monkeypatch.setitem(sys.modules, "dagster", stands_for_dagster)

    assert dg.RunsFilter == "Dagster's own"
    assert dg.AssetKey is STAND_INS["AssetKey"]


@pytest.mark.usefixtures("without_dagster")
def test_other_names_are_not_there():
    assert not hasattr(dg, "dagit")
