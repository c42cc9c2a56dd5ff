"""What is known of an error in a run: its message, class, stack and cause, whatever shape it was recorded in."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from runbell.core.members import NamedText
from runbell.core.records import Record

KNOWN = {"message", "cls_name", "stack", "cause"}

# Errors name causes one below the other; nobody reads deeper, and a made-up chain must not end the evaluation.
MAX_CAUSES = 50


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """An error as Dagster's authors know it.

    Example:
        >>> print(ErrorInfo("OSError: no space left", "OSError", ["  in op.py, line 3"]).to_string())
        OSError: no space left
        Stack trace:
          in op.py, line 3
    """

    message: str = ""
    cls_name: str | None = None
    stack: Sequence[str] = ()
    cause: "ErrorInfo | None" = None
    context: None = None

    def __str__(self) -> str:
        return self.to_string()

    def to_string(self) -> str:
        """Message, stack trace and causes as one text."""
        parts = []
        error: ErrorInfo | None = self
        while error is not None:
            # Lines come with their line ends from Python and without from elsewhere.
            parts.append(error.message.rstrip("\n"))
            if error.stack:
                parts += ["Stack trace:", *(line.rstrip("\n") for line in error.stack)]
            error = error.cause
            if error is not None:
                parts.append("It was caused by:")
        return "\n".join(parts)

    def to_exception_message_only(self) -> "ErrorInfo":
        """The same without stack and causes."""
        return ErrorInfo(self.message, self.cls_name)


class JobFailureData(Record):
    """The `event_specific_data` of a run's failure.

    Attributes:
        error: the run's, else that of its first failed step; None if none was recorded.
        failure_reason: Dagster's word for it, if its tag was there by then.
        first_step_failure_event: the first failed step, or None; looked up when somebody asks.

    Example:
        >>> JobFailureData(ErrorInfo("no space left")).error.message
        'no space left'
    """

    _fields = ("error", "failure_reason", "first_step_failure_event")
    known_as = "event_specific_data"

    def __init__(
        self,
        error: ErrorInfo | None = None,
        failure_reason: str | None = None,
        first_step_failure_event: Any = None,
        *,
        first_step: Callable[[], Any] | None = None,
    ) -> None:
        self.error = error
        self.failure_reason = None if failure_reason is None else NamedText(failure_reason)
        self._first_step = first_step
        if first_step_failure_event is not None:
            self.__dict__["first_step_failure_event"] = first_step_failure_event

    @cached_property
    def first_step_failure_event(self) -> Any:
        return None if self._first_step is None else self._first_step()


class StepFailureData(Record):
    """The `event_specific_data` of a step's failure. Where Dagster is not asked, `error_source` is not known: None.

    Example:
        >>> StepFailureData(ErrorInfo("no space left")).error_display_string
        'no space left'
    """

    _fields = ("error", "user_failure_data", "error_source")
    known_as = "event_specific_data"

    def __init__(self, error: ErrorInfo | None = None, user_failure_data: Any = None, error_source: Any = None) -> None:
        self.error = error
        self.user_failure_data = user_failure_data
        self.error_source = error_source

    @property
    def error_display_string(self) -> str:
        return "" if self.error is None else self.error.to_string()


def read_error(text: str | None) -> ErrorInfo | None:
    """The error that was recorded as JSON text; never fails: what has another shape stands under `message` as text.

    Example:
        >>> read_error('{"message": "no space left", "cls_name": "OSError"}').cls_name
        'OSError'
    """
    if not text:
        return None
    try:
        recorded = json.loads(text)
    except (ValueError, RecursionError):
        return ErrorInfo(text)
    return None if recorded is None else _info(recorded)


def _info(recorded: object) -> ErrorInfo:
    chain: list[object] = []
    while recorded is not None and len(chain) < MAX_CAUSES:
        chain.append(recorded)
        recorded = recorded.get("cause") if isinstance(recorded, Mapping) else None
    info: ErrorInfo | None = None
    for one in reversed(chain):
        info = _one(one, info)
    return info or ErrorInfo()


def _one(recorded: object, cause: ErrorInfo | None) -> ErrorInfo:
    if not isinstance(recorded, Mapping) or not KNOWN & recorded.keys():
        return ErrorInfo(_text(recorded))
    stack = recorded.get("stack")
    return ErrorInfo(
        message=_text(recorded.get("message")),
        cls_name=_text(recorded.get("cls_name")) or None,
        stack=tuple(map(_text, stack)) if isinstance(stack, list) else ((_text(stack),) if stack else ()),
        cause=cause,
    )


def _text(recorded: Any) -> str:
    if recorded is None:
        return ""
    return recorded if isinstance(recorded, str) else json.dumps(recorded, ensure_ascii=False)
