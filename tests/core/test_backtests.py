"""The sum of a rehearsed history, and what of it is different from what was requested then."""

from runbell.core.backtests import Asked, Rehearsed, Tally
from runbell.core.rehearsal import Unsent
from runbell.core.requests import Conclusion, RequestDraft
from runbell.testing import made_up_event


def requested(*keys):
    drafts = tuple(RequestDraft("report", run_key=key) for key in keys)
    return Rehearsed(made_up_event(), Conclusion("requested", requests=drafts), [Unsent("slack", "done")])


def failed(error):
    return Rehearsed(made_up_event(), Conclusion("failed", error=error))


def test_requests_are_compared_with_those_of_then_and_only_so_many_are_kept():
    tally = Tally(most=2)
    tally.add(requested("a", "b", "b"), [Asked("report", "b", None), Asked("report", "c", None)])
    tally.add(requested("d"), [])
    for error in ("one", None, "three"):
        tally.add(failed(error), [])

    assert (tally.events, dict(tally.outcomes)) == (5, {"requested": 2, "failed": 3})
    assert (tally.requested, tally.same, tally.added, tally.missing) == (4, 1, 3, 1)
    assert [draft.run_key for _, draft in tally.requests] == ["a", "b"]
    assert (tally.messages, [one.body for _, one in tally.unsent]) == (2, ["done", "done"])
    assert [said for _, said in tally.failures] == ["one", ""]
