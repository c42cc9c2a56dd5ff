"""Speaks to Dagster's webserver: a question may be repeated, an order is sent once."""

from collections.abc import Mapping
from typing import Any, Self

import anyio
import httpx2
import msgspec
import stamina

from runbell.core.errors import RunbellError
from runbell.core.text import shown
from runbell.launchers.targets import OutcomeUnknownError, TargetAwayError

CONNECT_SECONDS = 5.0
QUESTION_SECONDS = 20.0
# Below the 5 s after which the webserver closes a connection that is idle: an order on a closing one is a doubt.
IDLE_SECONDS = 2.0
# What it was sent never left this process, or was turned away at the door.
NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)


class NoAnswerError(RunbellError):
    """Dagster answered something that is no result, such as errors of GraphQL; nothing is at work on it any more."""


class Graphql:
    """The API at one address; `async with`.

    Args:
        url: the webserver's, with the path prefix that it may have; a user and password in it are sent as such.
        headers: sent with everything.
        answer_seconds: how long the answer to an order is waited for.
    """

    def __init__(self, url: str, *, headers: Mapping[str, str], answer_seconds: float) -> None:
        self.answer_seconds = answer_seconds
        self._url = f"{url.rstrip('/')}/graphql"
        self._repeat = stamina.AsyncRetryingCaller(attempts=3, wait_max=1.0, timeout=30.0).on(httpx2.TransportError)
        self._http = httpx2.AsyncClient(
            headers=dict(headers),
            timeout=httpx2.Timeout(QUESTION_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx2.Limits(keepalive_expiry=IDLE_SECONDS),
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.aclose()

    async def ask(self, document: str, **variables: Any) -> Any:
        """The answer to a question: the value of its only field.

        Raises:
            TargetAwayError: there is none.
            NoAnswerError: the question is not understood.
        """
        response = await self._asked(document, variables)
        if response.status_code >= 500 and _document(response) is None:
            raise TargetAwayError(f"Dagster cannot be reached: {_said(response)}")
        return _answer(response)

    async def _asked(self, document: str, variables: Mapping[str, Any]) -> httpx2.Response:
        try:
            return await self._repeat(self._post, document, variables)
        except httpx2.TransportError as error:
            raise TargetAwayError(f"Dagster cannot be reached: {_why(error)}") from error

    async def order(self, document: str, **variables: Any) -> Any:
        """The answer to an order: the value of its only field.

        Raises:
            TargetAwayError: it was not carried out.
            OutcomeUnknownError: it may have been, or may still be.
            NoAnswerError: it ended in an error that says nothing of what it did before.
        """
        began = anyio.current_time()
        try:
            response = await self._post(
                document, variables, timeout=httpx2.Timeout(self.answer_seconds, connect=CONNECT_SECONDS)
            )
        except NOT_SENT as error:
            raise TargetAwayError(f"Dagster cannot be reached: {_why(error)}") from error
        except httpx2.TransportError as error:
            raise self._unknown(_why(error), began) from error
        if response.status_code >= 500 and _document(response) is None:
            # A proxy's: what stands behind it may be at work.
            raise self._unknown(_said(response), began)
        return _answer(response)

    async def _post(self, document: str, variables: Mapping[str, Any], **options: Any) -> httpx2.Response:
        body = msgspec.json.encode({"query": document, "variables": variables})
        return await self._http.post(self._url, content=body, headers={"content-type": "application/json"}, **options)

    def _unknown(self, why: str, began: float) -> OutcomeUnknownError:
        remaining = max(self.answer_seconds - (anyio.current_time() - began), 0.0)
        return OutcomeUnknownError(
            f"Dagster did not answer: {why}; whether it launched the run is not known yet", remaining
        )


def _answer(response: httpx2.Response) -> Any:
    document = _document(response)
    if document is None:
        raise TargetAwayError(f"there is no GraphQL of Dagster: {_said(response)}")
    data = document.get("data")
    if isinstance(data, dict) and len(data) == 1 and (value := next(iter(data.values()))) is not None:
        return value
    errors = [str(one.get("message")) for one in document.get("errors") or () if isinstance(one, dict)]
    raise NoAnswerError("; ".join(errors) or f"Dagster answered {shown(document)}")


def _document(response: httpx2.Response) -> dict[str, Any] | None:
    """The answer as GraphQL, which Dagster also sends with status 400 and 500."""
    try:
        document = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return None
    return document if isinstance(document, dict) and ("data" in document or "errors" in document) else None


def _said(response: httpx2.Response) -> str:
    return f"{response.url.copy_with(username=None, password=None)} answered {response.status_code}"


def _why(error: httpx2.TransportError) -> str:
    return f"{type(error).__name__} {error}".rstrip()
