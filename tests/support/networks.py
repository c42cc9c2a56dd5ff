"""A network of its own for a process, which can fall silent: packets are dropped, and nobody is told."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass(frozen=True, slots=True)
class Network:
    """Attributes:
    name: of the namespace; `command` runs something in it.
    server: the address that this machine has there.
    """

    name: str
    link: str
    server: str

    @property
    def command(self) -> list[str]:
        return ["ip", "netns", "exec", self.name]

    def drop(self) -> None:
        """From here on every packet is lost, in both directions."""
        _ip("link", "set", self.link, "down")

    def mend(self) -> None:
        """Packets arrive again; what TCP has kept is sent once more."""
        _ip("link", "set", self.link, "up")


@contextmanager
def network() -> Iterator[Network]:
    """A namespace joined to this machine by one link; removed at the end."""
    pid = os.getpid()
    subnet = f"10.213.{pid // 64 % 256}"
    first = pid % 64 * 4
    made = Network(f"runbell-{pid}", f"rb{pid}a", f"{subnet}.{first + 1}")
    try:
        _ip("netns", "add", made.name)
        _ip("link", "add", made.link, "type", "veth", "peer", "name", f"rb{pid}b", "netns", made.name)
        _ip("addr", "add", f"{made.server}/30", "dev", made.link)
        _ip("link", "set", made.link, "up")
        for words in (
            ["addr", "add", f"{subnet}.{first + 2}/30", "dev", f"rb{pid}b"],
            ["link", "set", f"rb{pid}b", "up"],
        ):
            _ip("-n", made.name, *words)
        _ip("-n", made.name, "link", "set", "lo", "up")
        yield made
    finally:
        subprocess.run(["ip", "link", "delete", made.link], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "delete", made.name], capture_output=True, check=False)


def _ip(*words: str) -> None:
    try:
        done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.fail("this test cuts a network of its own: install iproute2")
    if done.returncode:
        pytest.fail(f"this test makes network namespaces (ip {' '.join(words)}: {done.stderr.strip()}): run it as root")
