"""A plain POST of JSON, by the standard library alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runbell.alerts.refusals import NotifyError, later

TOO_MANY = {429, 503}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How an address is reached.

    Attributes:
        timeout: seconds for connecting, and for each wait for an answer.
        proxies: by scheme; None uses those of the environment.
        verify: is the server's certificate checked?
    """

    timeout: float = 30.0
    proxies: Mapping[str, str] | None = None
    verify: bool = True


def post(url: str, payload: Mapping[str, Any], way: Way) -> str:
    """Sends a document and gives the answer's text.

    Raises:
        NotifyError: it was not taken. The text may hold the address.
        Retry: it was not taken because there were too many; says when to try again.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request

    if not url.lower().startswith(("http://", "https://")):
        raise NotifyError("the address does not begin with http:// or https://")
    headers = {"Content-Type": "application/json", "User-Agent": "runbell"}
    try:
        # Not escaped as ASCII, which makes six bytes of a letter: services limit a message by its bytes.
        content = json.dumps(payload, ensure_ascii=False).encode(errors="replace")
        request = Request(url, content, headers, method="POST")  # noqa: S310 - asked above
        with _opener(way).open(request, timeout=way.timeout) as response:
            return str(response.read(100_000).decode(errors="replace"))
    except HTTPError as error:
        with error:
            said = f"it answered {error.code} {error.reason}: {error.read(2000).decode(errors='replace')}".strip(": ")
        if error.code in TOO_MANY:
            raise later(error.headers.get("Retry-After"), said) from None
        raise NotifyError(said) from None
    except (URLError, HTTPException, OSError, ValueError) as error:
        raise NotifyError(f"it cannot be reached: {getattr(error, 'reason', None) or error}") from None


def _opener(way: Way) -> Any:
    import ssl
    from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, build_opener

    class Stay(HTTPRedirectHandler):
        """Follows nowhere: a POST that is sent on arrives as a GET, which says 200 and tells nobody."""

        def redirect_request(self, *_: Any) -> None:
            return None

    tls = ssl.create_default_context()
    if not way.verify:
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    proxies = None if way.proxies is None else dict(way.proxies)
    return build_opener(Stay, HTTPSHandler(context=tls), ProxyHandler(proxies))
