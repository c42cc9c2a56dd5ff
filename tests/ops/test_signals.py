"""Signals, as a process meets them that does not end by itself."""

import os
import signal
import subprocess
import sys
import time

import pytest

from support.processes import environment

PROGRAM = """
import sys, threading, time
import anyio
from runbell.ops.signals import stop_signals

async def main():
    async with stop_signals({grace}) as stop:
        print("ready", flush=True)
        {body}
    print("forced" if stop.forced else "finished", flush=True)
    {after}

anyio.run(main, backend_options={{"use_uvloop": {uvloop}}})
print("ended", flush=True)
"""

LOOPS = pytest.mark.parametrize("uvloop", [True, False])


class Program:
    """A process that runs the program above with this body."""

    def __init__(self, body: str, *, grace: float = 10.0, uvloop: bool = True, after: str = "pass") -> None:
        code = PROGRAM.format(grace=grace, body=body, uvloop=uvloop, after=after)
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.expect("ready")

    def expect(self, line: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == line

    def send(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def end(self, seconds: float = 8.0) -> tuple[int, str, str]:
        try:
            output, errors = self.process.communicate(timeout=seconds)
        finally:
            self.process.kill()
        return self.process.returncode, output, errors


@LOOPS
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_an_answer_and_not_an_exception(number: signal.Signals, uvloop: bool) -> None:
    program = Program("await stop.wait()", uvloop=uvloop)
    program.send(number)

    assert program.end() == (0, "finished\nended\n", "")


def assert_ended_soon(began: float, grace: float) -> None:
    """Within three seconds after the grace period."""
    took = time.monotonic() - began
    print(f"ended {took:.2f} s after the signal")
    assert took < grace + 3


@LOOPS
def test_a_second_signal_cancels_what_still_drains(uvloop: bool) -> None:
    program = Program(
        "await stop.wait(); print('draining', flush=True); await anyio.sleep(60)", grace=60, uvloop=uvloop
    )
    program.send(signal.SIGTERM)
    program.expect("draining")
    program.send(signal.SIGTERM)

    assert program.end() == (0, "forced\nended\n", "")


def test_what_outlasts_the_grace_period_is_cancelled() -> None:
    program = Program("await anyio.sleep(60)", grace=0.1)
    began = time.monotonic()
    program.send(signal.SIGTERM)

    assert program.end() == (0, "forced\nended\n", "")
    assert_ended_soon(began, grace=0.1)


@LOOPS
def test_a_blocked_loop_is_ended_within_three_seconds_of_the_grace_period(uvloop: bool) -> None:
    program = Program("time.sleep(60)", grace=0.2, uvloop=uvloop)
    began = time.monotonic()
    program.send(signal.SIGTERM)
    code, output, errors = program.end()

    assert_ended_soon(began, grace=0.2)
    assert (code, output) == (1, "")
    assert errors == "runbell: not stopped 2.7 s after SIGTERM, ending now\n"


def test_a_thread_that_never_returns_does_not_keep_a_drained_process() -> None:
    program = Program(
        "threading.Thread(target=time.sleep, args=(60,)).start(); await stop.wait()", grace=0.1, after="pass"
    )
    program.send(signal.SIGTERM)
    code, output, _ = program.end()

    assert (code, output) == (0, "finished\nended\n")


def test_a_late_signal_does_not_disturb_the_end() -> None:
    program = Program("await stop.wait()", after="time.sleep(0.5)")
    program.send(signal.SIGINT)
    program.expect("finished")
    program.send(signal.SIGINT)

    assert program.end() == (0, "ended\n", "")
