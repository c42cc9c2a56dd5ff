"""What comes of evaluating recorded events with the code of today, and what of it is different from then."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from runbell.core.events import RunEvent
from runbell.core.rehearsal import Unsent
from runbell.core.requests import Conclusion, RequestDraft


class Asked(NamedTuple):
    """What tells one request for a run from another."""

    job_name: str
    run_key: str | None
    partition_key: str | None

    @classmethod
    def of(cls, draft: RequestDraft) -> "Asked":
        """What a draft asks for."""
        return cls(draft.job_name, draft.run_key, draft.partition_key)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One evaluation that left no trace: what it came to, and what it would have sent."""

    event: RunEvent
    conclusion: Conclusion
    unsent: Sequence[Unsent] = ()


@dataclass(slots=True)
class Tally:
    """The sum of many.

    Attributes:
        most: so many of each kind are kept, the first; all are counted.
        outcomes: how many evaluations came to what.
        requests, unsent, failures: those kept.
        requested, messages: how many there were.
        same, added, missing: requests as they were recorded, that were not requested then, and that only were then.
    """

    most: int = 100
    outcomes: Counter[str] = field(default_factory=Counter)
    requests: list[tuple[RunEvent, RequestDraft]] = field(default_factory=list)
    unsent: list[tuple[RunEvent, Unsent]] = field(default_factory=list)
    failures: list[tuple[RunEvent, str]] = field(default_factory=list)
    requested: int = 0
    messages: int = 0
    same: int = 0
    added: int = 0
    missing: int = 0

    @property
    def events(self) -> int:
        return self.outcomes.total()

    def add(self, found: Rehearsed, recorded: Sequence[Asked]) -> None:
        """Take in one evaluation, with what was requested for its event at the time."""
        conclusion = found.conclusion
        self.outcomes[conclusion.outcome] += 1
        self.requested += len(conclusion.requests)
        self.messages += len(found.unsent)
        self._compare(Counter(map(Asked.of, conclusion.requests)), Counter(recorded))
        room = self.most
        self.requests += [(found.event, draft) for draft in conclusion.requests][: max(room - len(self.requests), 0)]
        self.unsent += [(found.event, one) for one in found.unsent][: max(room - len(self.unsent), 0)]
        if conclusion.outcome == "failed" and len(self.failures) < room:
            self.failures.append((found.event, conclusion.error or ""))

    def _compare(self, now: Counter[Asked], then: Counter[Asked]) -> None:
        same = (now & then).total()
        self.same += same
        self.added += now.total() - same
        self.missing += then.total() - same
