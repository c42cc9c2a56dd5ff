"""What can be a resource, what can take one, and the sentence for what cannot."""

import contextlib
import functools

import pytest

from runbell import DefinitionError, run_failure_sensor
from runbell.core.binding import bound, refuse_bad_resources
from runbell.core.resource_kinds import is_async, is_enterable, is_plain
from runbell.testing import evaluate


class Db: ...


class Entered:
    def __enter__(self): ...
    def __exit__(self, *raised): ...


class AsyncEntered:
    async def __aenter__(self): ...
    async def __aexit__(self, *raised): ...


def generated():
    yield Db()


async def agenerated():
    yield Db()


async def awaited():
    return Db()


managed = contextlib.contextmanager(generated)
amanaged = contextlib.asynccontextmanager(agenerated)


def test_a_context_that_is_named_like_a_resource_is_a_mistake():
    @run_failure_sensor
    def alert(db): ...

    with pytest.raises(DefinitionError, match="'db', is the context, and it is named like a resource"):
        bound(alert, {"db": Db()})


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"a b": 1}, "resources of sensors: the key 'a b' is no name of an attribute"),
        ({3: 1}, "the key 3 is no name"),
        ({"db": managed()}, "'db' can be used once only: give the function itself, without calling it"),
        ({"db": generated()}, "can be used once only"),
        ({"db": agenerated()}, "can be used once only"),
        ({"db": amanaged()}, "can be used once only"),
        ({"db": awaited()}, "can be awaited once only"),
        ({"db": functools.cache(generated)}, "is cached, but what it returns can be used once only"),
        ({"db": functools.cache(awaited)}, "is cached, but what it returns can be used once only"),
    ],
)
def test_what_cannot_be_a_resource_is_a_mistake(declared, said):
    with pytest.raises(DefinitionError, match=said):
        refuse_bad_resources(declared, "sensors")


def test_mocks_are_values():
    from unittest.mock import AsyncMock, MagicMock, Mock

    for mock in (Mock(), MagicMock(), AsyncMock()):
        assert is_plain(mock)
        assert not is_async(mock)
        refuse_bad_resources({"db": mock}, "sensors")


def test_what_could_be_entered_and_is_not_can_be_told():
    assert is_enterable(Entered())
    assert is_enterable(AsyncEntered())
    assert not any(map(is_enterable, ("text", Entered, managed)))


def test_an_annotation_that_cannot_be_evaluated_names_no_type():
    @run_failure_sensor
    def alert(context: "NotImportedHere", db: "NorThis"): ...  # noqa: F821

    assert evaluate(alert, resources={"db": Db()}).outcome == "acted"
    with pytest.raises(DefinitionError, match="parameter 'db' of its function is a resource that is not declared"):
        bound(alert, {"warehouse": Db()})
