"""Ends a command although a function that it called and gave up still runs: its thread would keep the process."""

import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn

# Threads that are about to end, and what is registered with atexit, get so long.
LAST_SECONDS = 1.0


def end(code: int) -> NoReturn:
    """End the process with this exit code, at once or, if threads keep it, a second later."""
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        last = threading.Timer(LAST_SECONDS, _end_now, [code])
        last.daemon = True
        last.start()
    sys.exit(code)


def _end_now(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)
