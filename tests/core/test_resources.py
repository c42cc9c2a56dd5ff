"""Resources: each way to declare one, each way to ask for it, and the sentence for each mistake."""

import contextlib
import functools
import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated

import pytest

from runbell import (
    DefinitionError,
    NotHereError,
    ResourceParam,
    RunbellError,
    RunRequest,
    build_run_status_sensor_context,
    run_failure_sensor,
    run_status_sensor,
)
from runbell.core.binding import bound
from runbell.core.contexts import RunStatusSensorContext
from runbell.core.dagster_resources import is_dagster_resource_class
from runbell.core.resources import Bound
from runbell.resources import dagster as opened_by_dagster
from runbell.resources.opening import Opening
from runbell.testing import evaluate, made_up_event

NOTED: list[str] = []


@pytest.fixture(autouse=True)
def _fresh():
    NOTED.clear()


@dataclass
class Db:
    name: str = "db"


class Entered:
    def __enter__(self):
        NOTED.append("entered")
        return Db("entered")

    def __exit__(self, *raised):
        NOTED.append("left")


class AsyncEntered:
    async def __aenter__(self):
        NOTED.append("entered")
        return Db("async entered")

    async def __aexit__(self, *raised):
        NOTED.append("left")


def generated():
    NOTED.append("entered")
    yield Db("generated")
    NOTED.append("left")


@contextlib.contextmanager
def managed():
    NOTED.append("entered")
    yield Db("managed")
    NOTED.append("left")


async def agenerated():
    NOTED.append("entered")
    yield Db("async generated")
    NOTED.append("left")


@contextlib.asynccontextmanager
async def amanaged():
    NOTED.append("entered")
    yield Db("async managed")
    NOTED.append("left")


async def awaited():
    NOTED.extend(["entered", "left"])
    return Db("awaited")


def returned():
    NOTED.extend(["entered", "left"])
    return Db("returned")


async def gives_what_is_entered():
    return AsyncEntered()


class Maker:
    def made(self):
        return Entered()

    def amade(self):
        return AsyncEntered()


SET_UP = {
    "class": (Entered, "entered"),
    "async class": (AsyncEntered, "async entered"),
    "method": (Maker().made, "entered"),
    "partial": (functools.partial(Entered), "entered"),
    "generator": (generated, "generated"),
    "context manager": (managed, "managed"),
    "async generator": (agenerated, "async generated"),
    "async context manager": (amanaged, "async managed"),
    "async function": (awaited, "awaited"),
    "function": (returned, "returned"),
    "async function of what is entered": (gives_what_is_entered, "async entered"),
}


@run_status_sensor("SUCCESS", request_job="j")
def plain(context, db: Db):
    NOTED.append("called")
    assert context.resources.db is db
    return RunRequest(run_key=db.name)


@run_status_sensor("SUCCESS", request_job="j")
def plain_generator(context, db: Db):
    NOTED.append("called")
    yield RunRequest(run_key=db.name)


@run_status_sensor("SUCCESS", request_job="j")
async def on_the_loop(context, db: Db):
    NOTED.append("called")
    assert context.resources.db is db
    return RunRequest(run_key=db.name)


@run_status_sensor("SUCCESS", request_job="j")
async def generator_on_the_loop(context, *, db: Db):
    NOTED.append("called")
    yield RunRequest(run_key=db.name)


@run_status_sensor("SUCCESS", request_job="j", required_resource_keys={"db"})
def looked_up(context):
    NOTED.append("called")
    return RunRequest(run_key=context.resources.db.name)


@run_status_sensor("SUCCESS", request_job="j")
def without_a_context(db: ResourceParam[Db]):
    NOTED.append("called")
    return RunRequest(run_key=db.name)


@pytest.mark.parametrize(
    "sensor", [plain, plain_generator, on_the_loop, generator_on_the_loop, looked_up, without_a_context]
)
@pytest.mark.parametrize(("declared", "name"), SET_UP.values(), ids=SET_UP)
def test_a_resource_is_set_up_for_each_evaluation_and_torn_down_behind_it(sensor, declared, name):
    for _ in range(2):
        NOTED.clear()
        evaluated = evaluate(sensor, resources={"db": declared})

        assert (evaluated.outcome, evaluated.error) == ("requested", None)
        assert evaluated.requests[0].run_key == name
        assert NOTED in (["entered", "called", "left"], ["entered", "left", "called"])


@pytest.mark.parametrize("sensor", [plain, on_the_loop])
def test_a_value_is_given_as_it_is_also_one_that_could_be_entered(sensor):
    class Client(Entered):
        name = "a client"

    assert evaluate(sensor, resources={"db": Client()}).requests[0].run_key == "a client"
    assert NOTED == ["called"]


@pytest.mark.parametrize("sensor", [plain, on_the_loop])
def test_what_a_cached_function_gives_lives_as_long_as_the_process(sensor):
    @functools.cache
    def pool():
        NOTED.append("made")
        return Db("pool")

    assert [evaluate(sensor, resources={"db": pool}).outcome for _ in range(2)] == ["requested"] * 2
    assert NOTED == ["made", "called", "called"]


def test_what_nobody_asks_for_is_not_set_up_until_it_is_looked_at():
    @run_failure_sensor
    def curious(context):
        NOTED.append("called")
        if context.dagster_run.job_name == "looks":
            NOTED.append(context.resources.db.name)

    assert evaluate(curious, resources={"db": managed}, job_name="another").outcome == "acted"
    assert NOTED == ["called"]
    assert evaluate(curious, resources={"db": managed}, job_name="looks").outcome == "acted"
    assert NOTED == ["called", "called", "entered", "managed", "left"]


def test_an_async_sensor_names_what_it_looks_at():
    @run_failure_sensor
    async def curious(context):
        return context.resources.db

    failed = evaluate(curious, resources={"db": managed})

    assert failed.outcome == "failed"
    assert "write required_resource_keys={'db'}" in failed.error
    assert evaluate(curious, resources={"db": None}).outcome == "acted"


@pytest.mark.parametrize("sensor", [plain, on_the_loop])
def test_a_set_up_that_fails_is_the_failure_of_the_evaluation_and_names_the_resource(sensor):
    def broken():
        raise OSError("no route")
        yield

    failed = evaluate(sensor, resources={"db": broken})

    assert (failed.outcome, failed.final) == ("failed", False)
    assert "no route" in failed.error
    assert "while resource 'db' was set up" in failed.error
    assert NOTED == []


def test_what_was_set_up_is_torn_down_when_another_cannot_be():
    class Broken:
        def __enter__(self):
            raise OSError("no route")

        def __exit__(self, *raised): ...

    @run_failure_sensor
    def both(context, a: Db, b: Db): ...

    @contextlib.contextmanager
    def tidy():
        NOTED.append("entered")
        try:
            yield Db()
        finally:
            NOTED.append("left")

    assert evaluate(both, resources={"a": tidy, "b": Broken}).outcome == "failed"
    assert NOTED == ["entered", "left"]


@pytest.mark.parametrize("sensor", [plain, on_the_loop])
def test_a_tear_down_that_fails_is_a_failure_for_it_may_be_the_commit(sensor):
    def db():
        yield Db()
        raise OSError("commit refused")

    failed = evaluate(sensor, resources={"db": db})

    assert failed.outcome == "failed"
    assert "commit refused" in failed.error


@pytest.mark.parametrize("waits", [False, True])
def test_a_resource_that_swallows_exceptions_makes_no_success_of_a_failure(waits):
    class Swallowing(Entered):
        def __exit__(self, *raised):
            return True

    @run_failure_sensor
    def raising(context, db: Db):
        raise ValueError("the function failed")

    @run_failure_sensor
    async def araising(context, db: Db):
        raise ValueError("the function failed")

    failed = evaluate(araising if waits else raising, resources={"db": Swallowing})

    assert failed.outcome == "failed"
    assert "the function failed" in failed.error


def test_an_undeclared_resource_is_an_attribute_error_on_access():
    context = build_run_status_sensor_context(resources={"db": Db()})

    assert not hasattr(context.resources, "slack")
    with pytest.raises(AttributeError, match=r"context\.resources\.slack is not here: nobody declares it"):
        context.resources.slack.post()
    assert issubclass(NotHereError, AttributeError)
    assert context.resources.db.name == "db"


def test_a_context_of_a_test_gives_resources_to_a_sensor_that_is_called_with_it():
    context = build_run_status_sensor_context(resources={"db": managed})

    assert plain(context).run_key == "managed"
    assert without_a_context(context).run_key == "managed"
    assert context.for_run_failure().resources.db.name == "managed"


def test_a_resource_is_found_by_its_type_if_only_one_has_it():
    @run_failure_sensor
    def alert(context, store: Db | None, label: Annotated[str, "for people"]): ...

    declared = {"warehouse": Db(), "text": "hello"}

    assert bound(alert, declared).resources.parameters == {"store": "warehouse", "label": "text"}
    with pytest.raises(DefinitionError, match="and replica, warehouse are of its type: name it like the one"):
        bound(alert, {**declared, "replica": Db()})


def test_a_resource_that_is_a_parameter_and_not_declared_is_a_mistake():
    with pytest.raises(DefinitionError) as caught:
        bound(plain, {"slack": 1})
    assert str(caught.value) == (
        "sensor 'plain': parameter 'db' of its function is a resource that is not declared:"
        ' write resources = {"db": ...} in the sensors module (declared: slack)'
    )
    with pytest.raises(DefinitionError, match="required_resource_keys has 'db', which is not declared"):
        bound(looked_up, {})


def test_a_sync_function_that_gives_something_async_says_what_to_write():
    failed = evaluate(plain, resources={"db": Maker().amade})

    assert "write `async def` for it" in failed.error
    with pytest.raises(RunbellError):
        build_run_status_sensor_context(resources={"db": amanaged}).resources.db  # noqa: B018


def test_a_context_of_a_test_tears_down_what_it_has_set_up_and_may_be_given_more():
    with build_run_status_sensor_context(resources={"db": managed}) as context:
        assert context.resource_defs == {"db": managed}
        assert NOTED == []
        assert context.resources.db.name == "managed"
        assert NOTED == ["entered"]
        more = context.merge_resources({"channel": "#alerts"})
        assert (more.resources.channel, hasattr(context.resources, "channel")) == ("#alerts", False)
    assert NOTED == ["entered", "left"]


def test_a_sensor_of_a_module_that_was_loaded_has_its_resources_and_a_test_may_put_others_in_place():
    loaded = bound(plain, {"db": Db("the module's")})

    assert evaluate(loaded).requests[0].run_key == "the module's"
    assert evaluate(loaded, resources={"db": Db("the test's")}).requests[0].run_key == "the test's"


def test_what_a_function_gives_to_be_awaited_is_awaited_for_an_async_sensor():
    class Later:
        def __await__(self):
            yield from ()
            return Db("later")

    assert evaluate(on_the_loop, resources={"db": Later}).requests[0].run_key == "later"


def test_a_context_that_was_given_nothing_has_nothing_to_tear_down():
    context = build_run_status_sensor_context()
    context.open_with(Opening(Bound()))

    with context:
        assert context.resource_defs == {}


def test_a_daemons_context_of_a_module_without_resources_has_none_and_takes_none():
    with RunStatusSensorContext("it", made_up_event(), None) as context:
        assert (context.resource_defs, hasattr(context.resources, "db")) == ({}, False)
        with pytest.raises(NotHereError, match=r"^context.merge_resources is not here: it is for a test's context"):
            context.merge_resources({"db": 1})


@pytest.mark.parametrize("sensor", [plain, on_the_loop])
def test_a_resource_of_dagsters_is_set_up_by_dagster(monkeypatch, sensor):
    """As tests/orchestrators/test_dagster_resources.py shows with Dagster itself."""

    @contextlib.contextmanager
    def build_resources(resources, instance):
        NOTED.append(f"set up in {instance}")
        yield SimpleNamespace(**resources)
        NOTED.append("torn down")

    made = SimpleNamespace(
        build_resources=build_resources, DagsterInstance=SimpleNamespace(ephemeral=lambda: "an instance")
    )
    monkeypatch.setitem(sys.modules, "dagster", made)
    theirs = type("ConfigurableResourceFactory", (), {"__module__": "dagster._config", "name": "theirs"})
    opened_by_dagster._instance.cache_clear()

    assert is_dagster_resource_class(theirs)
    assert evaluate(sensor, resources={"db": theirs()}).requests[0].run_key == "theirs"
    assert NOTED == ["set up in an instance", "called", "torn down"]
    opened_by_dagster._instance.cache_clear()
