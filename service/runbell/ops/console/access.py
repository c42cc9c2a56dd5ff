"""Who may look at the console: whoever knows the token; without one and on loopback, whoever is on this machine."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import Literal, TypeAlias

COOKIE = "runbell_console"
# What a browser keeps is made from the token and is not the token.
PURPOSE = b"runbell console session"

Verdict: TypeAlias = Literal["welcome", "token wanted", "closed", "wrong host"]


@dataclass(frozen=True, slots=True)
class Access:
    """Decides who is let in.

    Attributes:
        token: None: there is none.
        loopback: only this machine reaches the port.

    Example:
        >>> Access(None, loopback=True).judge({"host": "localhost:8080"}, {})
        'welcome'
        >>> Access("a secret of some length", loopback=False).judge({"host": "runbell:8080"}, {})
        'token wanted'
    """

    token: str | None
    loopback: bool

    def judge(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Verdict:
        """What becomes of a request with these headers (by names in lower case) and cookies."""
        if self.token is None:
            if not self.loopback:
                return "closed"
            # A page from elsewhere may have its own name lead to this machine, and would then read what stands here.
            return "welcome" if _is_loopback_name(headers.get("host", "")) else "wrong host"
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.knows(given.strip()):
            return "welcome"
        return "welcome" if _same(cookies.get(COOKIE, ""), self.session) else "token wanted"

    def knows(self, given: str) -> bool:
        """Is this the token?"""
        return self.token is not None and _same(given, self.token)

    @property
    def session(self) -> str:
        """What a browser that has shown the token is given to show from then on."""
        return hmac.new((self.token or "").encode(), PURPOSE, sha256).hexdigest()


def is_loopback(address: str) -> bool:
    """Does only this machine reach the address?

    Example:
        >>> [is_loopback(address) for address in ("127.0.0.1", "::1", "0.0.0.0", "10.0.0.7")]
        [True, True, False, False]
    """
    return ip_address(address.partition("%")[0]).is_loopback


def _is_loopback_name(host: str) -> bool:
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        return is_loopback(name)
    except ValueError:
        return False


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())
