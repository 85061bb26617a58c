"""One API call: its attempts, its time limit, and the translation of every failure into the SDK's errors."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, TypeVar, Union

import httpx

from .._config import LIMITS, Config
from .._errors import APIConnectionError, APIError, APIStatusError, NotFoundError, error_of_answer, error_of_broken_call
from .._options import CallOptions
from .._request import body_of, headers_of, timeout_of, url_of, value_of, without_key
from .._retry import answer_of_gone, is_answer_lost, is_retryable, retry_delay
from .._route import Route
from .._trust import trusted
from .blocking import sleep

T = TypeVar("T")
# As many as httpx itself follows.
MAX_REDIRECTS = 20
JSON = "application/json"
BYTES = "application/octet-stream"


class AsyncHttp:
    def __init__(self, config: Config, client: Optional[httpx.AsyncClient] = None) -> None:
        self.config = config
        # HTTP/2 is chosen in the TLS handshake; in cleartext it stays HTTP/1.1.
        self.client = client or httpx.AsyncClient(http2=True, limits=LIMITS, verify=trusted(http2=True))
        self._owns_client = client is None

    async def aclose(self) -> None:
        if self._owns_client:
            await self.client.aclose()

    async def call(
        self,
        route: Route[T],
        *parts: str,
        query: Optional[Dict[str, Any]] = None,
        body: Any = None,
        content: Any = None,
        options: CallOptions,
        default_seconds: Optional[float] = None,
        once: bool = False,
    ) -> T:
        """`once`: a repetition could do the work twice, so only the caller's own `max_retries` allows it."""
        response = await self.open(
            route,
            parts,
            query=query,
            body=body,
            content=content,
            options=options,
            default_seconds=default_seconds,
            once=once,
        )
        answer: T = value_of(route, response)
        return answer

    async def open(
        self,
        route: Route[Any],
        parts: Sequence[str],
        *,
        query: Optional[Dict[str, Any]] = None,
        body: Any = None,
        content: Any = None,
        options: CallOptions,
        default_seconds: Optional[float] = None,
        once: bool = False,
        accept: str = JSON,
        stream: bool = False,
    ) -> httpx.Response:
        """
        A good answer. With `stream` its body is still to be read, and whoever reads it closes it. `content`, in place of
        a body, is sent as it is; what is not in memory is sent once, as there is nothing to repeat it from.
        """
        is_repeatable = content is None or isinstance(content, bytes)
        content_type = JSON if content is None else BYTES
        if content is None:
            content = body_of(route, body, options)
        request = self.client.build_request(
            route.method,
            url_of(self.config, route, parts, query, options),
            content=content,
            headers=headers_of(self.config, options, accept, None if content is None else content_type),
            timeout=timeout_of(self.config, options, default_seconds),
        )
        default = 0 if once else self.config.max_retries
        retries = default if options.max_retries is None else options.max_retries
        retry = 0
        is_lost = False
        if not is_repeatable:
            retries = 0
        while True:
            outcome = await self._attempt(request, stream)
            if isinstance(outcome, httpx.Response):
                return outcome
            if is_lost and route.method == "DELETE" and isinstance(outcome, NotFoundError):
                return answer_of_gone(route, parts)
            is_lost = is_lost or is_answer_lost(outcome)
            if retry >= retries or not may_repeat(outcome):
                raise outcome
            await sleep(retry_delay(retry, outcome.headers if isinstance(outcome, APIStatusError) else None))
            retry += 1

    async def _attempt(self, request: httpx.Request, stream: bool) -> Union[httpx.Response, APIError]:
        try:
            response = await self._send(request)
            if response.is_success and stream:
                return response
            try:
                await response.aread()
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.StreamError, OSError) as cause:
            failure = error_of_broken_call(cause)
            failure.__cause__ = cause
            return failure
        return response if response.is_success else error_of_answer(response, response.text)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        """Follows redirects as httpx would, without the key where they lead away."""
        origin = request.url
        for _ in range(MAX_REDIRECTS):
            response = await self.client.send(request, stream=True, follow_redirects=False)
            if response.next_request is None:
                return response
            await response.aclose()
            request = without_key(response.next_request, origin)
        raise httpx.TooManyRedirects("The server redirects without end", request=request)


def may_repeat(failure: APIError) -> bool:
    if isinstance(failure, APIStatusError):
        return is_retryable(failure.response, failure.body)
    return isinstance(failure, APIConnectionError)
