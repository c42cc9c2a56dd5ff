"""The launchers that an operator can start, made from the settings."""

import logging
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio

from runbell.core.errors import SettingsError
from runbell.launchers.options import LaunchOptions
from runbell.ops.settings import Settings

TARGETS = ("dagster", "simulated")
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def launch_options(target: str, settings: Settings) -> LaunchOptions:
    """How requests for a target are launched.

    Raises:
        SettingsError: there is no such target, or something that it needs was not given.
    """
    if target not in TARGETS:
        raise SettingsError(f"unknown target {target!r}: there is {', '.join(map(repr, TARGETS))}")
    if target == "dagster":
        _require_dagster(settings)
    return LaunchOptions(
        consumer=f"{socket.gethostname()}:{os.getpid()}",
        targets=(settings.launch_source or target,),
        concurrent=settings.launch_concurrent,
        max_in_progress=settings.launch_max_in_progress,
        drain_seconds=settings.shutdown_grace_seconds,
        listen_url=settings.listen_url,
    )


def launcher(
    target: str, settings: Settings, options: LaunchOptions, *, scheduled: bool = False
) -> AbstractAsyncContextManager[None]:
    """Launches what is requested of a target while the body runs; `scheduled` is for the simulated one.

    Raises:
        SettingsError: a setting of the target is wrong.
        StoreUnavailableError: the database cannot be reached.
    """
    # Each with what it needs only: httpx2 and what simulates are loaded by those that launch there.
    if target == "dagster":
        return _dagster(settings, options)
    from runbell.launchers.simulated.demo import simulated_orchestrator

    return simulated_orchestrator(settings.database_url, options, scheduled=scheduled)


def _require_dagster(settings: Settings) -> None:
    if not settings.dagster_url:
        wanted = Settings.model_fields["dagster_url"].description
        raise SettingsError(f"RUNBELL_DAGSTER_URL is missing: set it, or give --dagster-url; it must be {wanted}")
    read_headers(settings.dagster_headers, settings.dagster_headers_file)


@asynccontextmanager
async def _dagster(settings: Settings, options: LaunchOptions) -> AsyncIterator[None]:
    import stamina

    from runbell.launchers.dagster.launcher import Dagster, launch_into_dagster

    # What came of a request stands in the log, not each step on the way.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    logging.getLogger("httpcore2").setLevel(logging.WARNING)
    stamina.instrumentation.set_on_retry_hooks(())
    dagster = Dagster(
        url=str(settings.dagster_url),
        headers=read_headers(settings.dagster_headers, settings.dagster_headers_file),
        answer_seconds=settings.dagster_answer_seconds,
    )
    async with anyio.create_task_group() as tasks:
        await tasks.start(launch_into_dagster, settings.database_url, dagster, options)
        yield
        tasks.cancel_scope.cancel()


def read_headers(given: str | None, path: str | None) -> dict[str, str]:
    """Headers as text, or in a file: each `Name: value` on a line of its own.

    A name is a token of RFC 9110, section 5.6.2; a value is printable ASCII.

    Raises:
        SettingsError: both are given, the file cannot be read, or a line is no header; none of it is shown, since it
            may be half of a secret.

    Example:
        >>> read_headers("Dagster-Cloud-Api-Token: secret", None)
        {'Dagster-Cloud-Api-Token': 'secret'}
    """
    if given and path:
        raise SettingsError("RUNBELL_DAGSTER_HEADERS and RUNBELL_DAGSTER_HEADERS_FILE are both given: keep one of them")
    whence = f"RUNBELL_DAGSTER_HEADERS_FILE ({path!r})" if path else "RUNBELL_DAGSTER_HEADERS"
    headers = {}
    for number, line in enumerate((_text_of(path) if path else given or "").splitlines(), start=1):
        if not line.strip():
            continue
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not (colon and TOKEN.fullmatch(name) and value.isascii() and value.isprintable()):
            raise SettingsError(f"line {number} of {whence} is no header: each must be Name: value")
        headers[name] = value
    return headers


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise SettingsError(f"RUNBELL_DAGSTER_HEADERS_FILE: {path!r} cannot be read ({reason})") from None
