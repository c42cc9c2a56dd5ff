"""What is known of an error in a run: its message, class, stack and cause, whatever shape it was recorded in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, slots=True)
class FailureData:
    """The `event_specific_data` of a failure.

    Attributes:
        error: None if none was recorded.
        first_step_failure_event: always None; `get_step_failure_events()` has the steps.
    """

    error: ErrorInfo | None = None
    failure_reason: None = None
    first_step_failure_event: None = None
    error_source: None = None


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
