"""Tells one notifier one message, and says in the log what came of it."""

from collections.abc import Sequence

import anyio
import anyio.to_thread
import structlog

from runbell.alerts.notifier import Notifier
from runbell.alerts.refusals import NotifyError

log = structlog.get_logger()
SEND_SECONDS = 60.0
# After a failure, quadrupling.
FIRST_BACKOFF_SECONDS = 15.0
LONGEST_BACKOFF_SECONDS = 3600.0
# So many sensors stand in one message.
NAMED = 20


async def tell(
    notifier: Notifier,
    message: tuple[str, str],
    sensor_names: Sequence[str],
    *,
    failures: int,
    first_backoff_seconds: float,
) -> float | None:
    """Send a message of these sensors; None: it was taken, else after how many seconds it should be tried again.

    `failures`: how often it has failed before.
    """
    failed = ""
    try:
        with anyio.fail_after(SEND_SECONDS):
            await anyio.to_thread.run_sync(notifier.send, *message, abandon_on_cancel=True)
    except NotifyError as error:
        failed = str(error)
    except TimeoutError:
        failed = f"no answer within {SEND_SECONDS:g} s"
    facts = {"notifier": notifier.shown, "sensors": list(sensor_names[:NAMED]), "count": len(sensor_names)}
    if not failed:
        log.info("notice_sent", **facts)
        return None
    wait = min(first_backoff_seconds * 4.0 ** min(failures, 10), LONGEST_BACKOFF_SECONDS)
    log.warning("notice_failed", **facts, error=failed, retry_in=wait)
    return wait
