"""What is said of things that do not move: one cause each, and nothing of what moves."""

import pytest

from runbell.core.observations import EventWriter, Facts, RequestQueue, SensorWork, SlowStatement
from runbell.core.stalls import Cause, Stall, changed, explain

LATE = {"lag_events": 12, "lag_seconds": 42.0}


def causes(facts: Facts) -> list[tuple[Cause, str]]:
    return [(stall.cause, stall.subject) for stall in explain(facts)]


def of_sensor(**seen: object) -> list[Stall]:
    return explain(Facts([SensorWork(sensor_name="alert", **seen)], daemons=1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "cause", "said"),
    [
        (LATE | {"owned": False}, Cause.NO_OWNER, "no process evaluates alert: 12 events wait, the oldest for 42 s"),
        (
            LATE | {"evaluated": 7, "settled_seconds": 1.0},
            Cause.SLOW_FUNCTION,
            "the function of alert is slow: 7 evaluations lately, and 12 events wait, the oldest for 42 s",
        ),
        (
            LATE | {"evaluated": 7, "settled_seconds": 41.0},
            Cause.SLOW_FUNCTION,
            "the function of alert is slow: 12 events wait, the oldest for 42 s, and nothing was finished for 41 s",
        ),
        (
            {"lag_events": 1, "lag_seconds": 7300, "apart": True},
            Cause.SLOW_FUNCTION,
            (
                "the function of alert is slow, in a process of its own, because it blocked others: 1 event waits,"
                " the oldest for 2 h, and nothing was finished lately"
            ),
        ),
        (
            {"running_seconds": 30.0},
            Cause.SLOW_FUNCTION,
            "the function of alert is slow: one of its calls has been running for 30 s",
        ),
        (
            {"evaluated": 9, "failed": 4, "failing": True, "error": "Traceback\n  ...\nKeyError: 'table'\n"},
            Cause.RAISING_FUNCTION,
            "the function of alert raises: 4 of its last 9 evaluations failed: KeyError: 'table'",
        ),
        (
            LATE | {"evaluated": 1, "failed": 1, "failing": True},
            Cause.RAISING_FUNCTION,
            "the function of alert raises: 1 of its last 1 evaluations failed",
        ),
    ],
)
def test_a_sensor_that_does_not_move_has_one_cause(seen: dict[str, object], cause: Cause, said: str) -> None:
    (stall,) = of_sensor(**seen)

    assert (stall.cause, stall.sensor_name, stall.sentence) == (cause, "alert", said)
    assert stall.remedy


@pytest.mark.parametrize(
    "seen",
    [
        {},
        {"lag_events": 100, "lag_seconds": 4.9},
        {"owned": False},
        LATE | {"active": False, "owned": False},
        {"evaluated": 9, "failed": 4, "failing": False},
        {"evaluated": 9, "failing": True},
        {"running_seconds": 4.0},
    ],
)
def test_what_moves_is_not_spoken_of(seen: dict[str, object]) -> None:
    assert of_sensor(**seen) == []


def test_without_any_daemon_that_is_said_once_and_not_of_each_sensor() -> None:
    sensors = [SensorWork(sensor_name=name, owned=False, lag_events=2, lag_seconds=9) for name in ("a", "b")]

    (stall,) = explain(Facts(sensors, daemons=0))

    assert stall.cause is Cause.NO_OWNER
    assert stall.sentence == "no daemon runs: nothing is evaluated, 4 events wait"
    assert explain(Facts([], daemons=0)) == []
    assert explain(Facts([SensorWork(sensor_name="a", active=False)], daemons=0)) == []


def test_what_holds_everybody_up_is_not_blamed_on_a_function() -> None:
    behind = SensorWork(sensor_name="alert", lag_events=2, lag_seconds=9)
    slow = SlowStatement(12, "daemon abc", 8.0, [34])

    assert causes(Facts([behind], 1, statements=[slow])) == [(Cause.SLOW_DATABASE, "daemon abc")]
    assert causes(Facts([behind], 1, queue_usage=0.6)) == [(Cause.NOT_NOTIFIED, "queue")]
    assert causes(Facts([behind], 1, queue_usage=0.4)) == [(Cause.SLOW_FUNCTION, "alert")]


def test_transactions_statements_poolers_and_launchers_are_named() -> None:
    facts = Facts(
        [],
        1,
        deaf=["web:7"],
        writers=[
            EventWriter("4711", prepared=False, user_name="etl", application="psql", seconds=65),
            EventWriter("two 'phases'", prepared=True, user_name="etl", application=None, seconds=500),
            EventWriter("1", prepared=False, user_name="etl", application="fresh", seconds=1),
        ],
        statements=[SlowStatement(12, "daemon abc", 8.0, []), SlowStatement(13, "x", 1.0, [])],
        queues=[
            RequestQueue("dagster", 5, 40.0, held=0),
            RequestQueue("sql", 1, 40.0, held=8),
            RequestQueue("fine", 3, 2.0, held=0),
            RequestQueue("held", 0, 0.0, held=3),
        ],
    )

    stalls = explain(facts)

    assert [(stall.cause, stall.subject) for stall in stalls] == [
        (Cause.OPEN_TRANSACTION, "4711"),
        (Cause.PREPARED_TRANSACTION, "two 'phases'"),
        (Cause.SLOW_DATABASE, "daemon abc"),
        (Cause.NOT_NOTIFIED, "pooler"),
        (Cause.NOT_CLAIMED, "dagster"),
        (Cause.NOT_CLAIMED, "sql"),
    ]
    said = "\n".join(f"{stall.sentence}\n{stall.remedy}" for stall in stalls)
    for words in (
        "process 4711 (psql of etl) has recorded events and is open for 65 s",
        "pg_terminate_backend(4711)",
        "COMMIT PREPARED 'two ''phases'''",
        "takes 8 s and more for a statement of daemon abc (process 12)",
        "do not reach web:7",
        "5 requests for 'dagster' wait, the oldest for 40 s: no launcher takes them",
        "such as `runbell launch dagster`",
        "1 request for 'sql' waits, the oldest for 40 s: launchers hold 8 and take no more",
    ):
        assert words in said


def test_a_change_is_what_has_come_and_gone_whatever_the_figures_say() -> None:
    def stall(subject: str, sentence: str = "") -> Stall:
        return Stall(Cause.SLOW_FUNCTION, subject, sentence, "")

    came, went = changed([stall("a", "for 5 s"), stall("b")], [stall("a", "for 6 s"), stall("c")])

    assert ([one.subject for one in came], [one.subject for one in went]) == (["c"], ["b"])


def test_a_long_error_is_cut() -> None:
    (stall,) = of_sensor(evaluated=1, failed=1, failing=True, error="x" * 1000)

    assert stall.sentence.endswith("…")
    assert len(stall.sentence) < 300
