"""What a page is made from: what was asked for, the database when it is needed, and how everything stood just now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from runbell.ops.console.log_lines import LogLines
from runbell.ops.standing import Standing
from runbell.store import connections

# Nothing that a page asks may take longer, and none of it can write.
STATEMENT_TIMEOUT = "5s"
# A number in an address stands for a bigint.
LARGEST = 2**63 - 1
DIGITS = len(str(LARGEST))


class QuestionError(Exception):
    """An address asks for something that there cannot be; says what in a sentence."""


@dataclass(frozen=True, slots=True)
class Question:
    """What stands behind the question mark of an address."""

    given: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """A text; None if it is not given or empty."""
        found = self.given.get(name) or None
        # No name or id has any, and PostgreSQL would refuse it.
        if found is not None and "\0" in found:
            raise QuestionError(f"{name} holds a NUL character, which no name has")
        return found

    def required(self, name: str) -> str:
        """A text that must be given."""
        found = self.text(name)
        if found is None:
            raise QuestionError(f"the address lacks ?{name}=")
        return found

    def number(self, name: str) -> int | None:
        """A whole number from 0 on; None if it is not given."""
        found = self.text(name)
        if found is None:
            return None
        # Its length first: what is longer is not worth reading, and int() refuses what is much longer.
        if not (found.isascii() and found.isdecimal()) or len(found) > DIGITS or int(found) > LARGEST:
            raise QuestionError(f"{name} is {found[:50]!r}, but it must be a whole number up to {LARGEST}")
        return int(found)

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """One of these; the first if none is given."""
        found = self.text(name) or choices[0]
        if found not in choices:
            raise QuestionError(f"{name} is {found[:50]!r}, but it must be one of {', '.join(choices)}")
        return found


@dataclass(slots=True)
class Look:
    """`async with Look(...) as look`: looks from a thread and an event loop of its own."""

    url: str
    standing: Standing
    log_lines: LogLines
    _sessions: list[connections.Connection] = field(default_factory=list)

    async def session(self) -> connections.Session:
        """A session that cannot write; the page's only one, made when it is first asked for."""
        if not self._sessions:
            self._sessions.append(
                await connections.connect(
                    self.url,
                    role="console",
                    statement_timeout=STATEMENT_TIMEOUT,
                    default_transaction_read_only="on",
                )
            )
        return self._sessions[0]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in self._sessions:
            session.terminate()


@dataclass(frozen=True, slots=True)
class Page:
    """What a template is filled with."""

    template: str
    title: str
    values: Mapping[str, object]
    commands: Sequence[tuple[str, Sequence[str]]] = ()
    status: int = 200
