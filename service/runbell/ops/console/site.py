"""Answers for the console: lets in who may look, has a page made in a thread of its own, keeps pages up to date.

A page that takes long holds up nobody: it is made beside the event loop that answers health and minds the workers.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from runbell.core.errors import RunbellError
from runbell.ops.console import rendering
from runbell.ops.console.access import COOKIE, Access
from runbell.ops.console.log_lines import LogLines
from runbell.ops.console.looking import Look, Page, Question, QuestionError
from runbell.ops.console.pages import PAGES, missing
from runbell.ops.masking import mask
from runbell.ops.standing import StandingReader

# So many pages are made at once; whoever comes later waits a little.
PAGES_AT_ONCE = 3
PAGE_SECONDS = 15.0
# So many pages are kept up to date at once; others are told to come again.
STREAMS = 8
# Every connection of this server ends; the browser comes again by itself.
STREAM_SECONDS = 25.0
LIVE_SECONDS = 5.0
AGAIN_MS = 2000
TOKEN_BYTES = 4096
YEAR = "31536000"
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
CLOSED = (
    "This console is closed: it is reachable from other machines and has no token. Set RUNBELL_HTTP_TOKEN or"
    " RUNBELL_HTTP_TOKEN_FILE, or bind it to this machine with RUNBELL_HTTP_HOST=127.0.0.1."
)
WRONG_HOST = "Without a token this console answers to localhost and to this machine's loopback addresses only."


@dataclass(slots=True)
class Site:
    """The console of one process."""

    database_url: str
    standing: StandingReader
    access: Access
    log_lines: LogLines
    _makers: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(PAGES_AT_ONCE))
    streams: int = 0

    def routes(self) -> list[Route]:
        """What to answer, for an application."""
        pages = [Route(path, self._show, methods=["GET"]) for path in PAGES]
        return [
            *pages,
            Route("/live", self._live, methods=["GET"]),
            Route("/login", self._log_in, methods=["POST"]),
            Route("/assets/{digest}/{name}", self._asset, methods=["GET"]),
        ]

    async def _show(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        page, body = await self._made(request.url.path, request.url.query)
        return Response(body, page.status, media_type="text/html", headers=HEADERS)

    async def _made(self, path: str, query: str) -> tuple[Page, str]:
        standing = await self.standing.current()
        look = Look(self.database_url, standing, self.log_lines)
        making = partial(anyio.run, _make, look, path, query)
        return await anyio.to_thread.run_sync(making, limiter=self._makers, abandon_on_cancel=True)

    async def _live(self, request: Request) -> Response:
        refused = self._refused(request)
        path, _, query = request.query_params.get("of", "/").partition("?")
        if refused is not None or path not in PAGES:
            # A browser does not come again after this.
            return Response(status_code=204, headers=HEADERS)
        if self.streams >= STREAMS:
            text = f"retry: {AGAIN_MS * 10}\n\n"
            return Response(text, media_type="text/event-stream", headers=HEADERS)
        return _Stream(self, self._changes(path, query), media_type="text/event-stream", headers=HEADERS)

    async def _changes(self, path: str, query: str) -> AsyncIterator[str]:
        """The page anew, whenever it looks different."""
        yield f"retry: {AGAIN_MS}\n\n"
        before = b""
        ends = anyio.current_time() + STREAM_SECONDS
        while anyio.current_time() < ends:
            _, body = await self._made(path, query)
            digest = sha256(body.encode()).digest()
            # Also when nothing changed: whoever looks shall know that somebody is there.
            yield ": still so\n\n" if digest == before else _as_event(body)
            before = digest
            await anyio.sleep(LIVE_SECONDS)

    async def _log_in(self, request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > TOKEN_BYTES:
                return self._message("That is too long for a token.", 413)
        given = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0]
        if not self.access.knows(given):
            return self._login(401, "That is not the token.")
        answer = RedirectResponse("/", 303, headers=HEADERS)
        answer.set_cookie(COOKIE, self.access.session, httponly=True, samesite="strict", path="/")
        return answer

    async def _asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in rendering.ASSETS or rendering.asset_path(name) != request.url.path:
            return self._message("There is no such file.", 404)
        headers = {**HEADERS, "cache-control": f"public, max-age={YEAR}, immutable"}
        return Response(rendering.asset(name), media_type=rendering.ASSETS[name], headers=headers)

    def _refused(self, request: Request) -> Response | None:
        match self.access.judge(request.headers, _cookies(request.headers)):
            case "welcome":
                return None
            case "token wanted":
                return self._login(401, "")
            case "closed":
                return self._message(CLOSED, 403)
            case "wrong host":
                return self._message(WRONG_HOST, 421)

    def _login(self, status: int, complaint: str) -> Response:
        page = Page("login.html", "Token wanted", {"complaint": complaint}, status=status)
        body = rendering.render(page, path="/login", live=None, standing=None)
        return Response(body, status, media_type="text/html", headers=HEADERS | {"www-authenticate": "Bearer"})

    def _message(self, sentence: str, status: int) -> Response:
        body = rendering.render(missing(sentence, [], status), path="", live=None, standing=None)
        return Response(body, status, media_type="text/html", headers=HEADERS)


class _Stream(StreamingResponse):
    """An answer that goes on, and is counted for as long as it does."""

    def __init__(self, site: Site, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._site.streams += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._site.streams -= 1


async def _make(look: Look, path: str, query: str) -> tuple[Page, str]:
    """Make a page, with an event loop of its own."""
    try:
        with anyio.fail_after(PAGE_SECONDS):
            async with look:
                page = await PAGES[path](look, Question(dict(parse_qsl(query, keep_blank_values=True))))
    except QuestionError as error:
        page = missing(f"The address cannot be understood: {error}.", [], 400)
    except (RunbellError, TimeoutError) as error:
        reason = mask(str(error)) or "it takes too long"
        page = missing(f"The database cannot be asked: {reason}.", [("what is wrong with it", ["doctor"])], 503)
    live = rendering.link("/live", of=f"{path}?{query}" if query else path)
    return page, rendering.render(page, path=path, live=live, standing=look.standing)


def _as_event(body: str) -> str:
    return "".join(f"data: {line}\n" for line in body.splitlines()) + "\n"


def _cookies(headers: Mapping[str, str]) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}
