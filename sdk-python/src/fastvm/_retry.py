"""When an answer may be asked for again, and after how long."""

from __future__ import annotations

import random
import time
from email.utils import parsedate_to_datetime
from typing import Any, Optional, Sequence

import httpx

from ._errors import APIConnectionError, APIError, APIStatusError
from ._model import Ref
from ._route import Route

FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 8.0
# A server that asks for a longer pause is not obeyed: the caller would seem to hang.
MAX_SERVER_DELAY_SECONDS = 60.0
# Up to this part is taken off each delay, so that clients that failed together do not come back together.
JITTER = 0.25


def is_retryable(response: httpx.Response, body: Any = None) -> bool:
    """The server's own word goes before the status: in a header, or in the body, where sandboxes have it under `error`."""
    verdict = response.headers.get("x-should-retry")
    if verdict in ("true", "false"):
        return bool(verdict == "true")
    for said in (field_of(body, "retryable"), field_of(field_of(field_of(body, "error"), "details"), "retryable")):
        if isinstance(said, bool):
            return said
    return response.status_code in (408, 409, 429) or response.status_code >= 500


def field_of(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def is_answer_lost(failure: APIError) -> bool:
    """Whether the call may have been carried out all the same: a gateway says so, too, when it has no answer."""
    if isinstance(failure, APIStatusError):
        return failure.status_code in (502, 504)
    # Of these there was no connection yet that the call could have gone over.
    never_sent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
    return isinstance(failure, APIConnectionError) and not isinstance(failure.__cause__, never_sent)


def answer_of_gone(route: Route[Any], parts: Sequence[str]) -> httpx.Response:
    """Of a delete that an attempt carried out whose answer was lost, so that the next found nothing."""
    if route.answer is None:
        return httpx.Response(204)
    is_detached = route.answer == Ref("Detachment")
    return httpx.Response(200, json={"detached": True} if is_detached else {"id": parts[-1], "deleted": True})


def retry_delay(retry: int, headers: Optional[httpx.Headers]) -> float:
    """Seconds before attempt `retry` (0 for the first retry)."""
    asked = None if headers is None else server_delay(headers)
    if asked is not None and 0 <= asked <= MAX_SERVER_DELAY_SECONDS:
        return asked
    grown: float = min(FIRST_DELAY_SECONDS * 2.0**retry, MAX_DELAY_SECONDS)
    return grown * (1 - random.random() * JITTER)


def server_delay(headers: httpx.Headers) -> Optional[float]:
    milliseconds = number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    after = headers.get("retry-after")
    seconds = number(after)
    if seconds is not None or after is None:
        return seconds
    try:
        return float(parsedate_to_datetime(after).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def number(text: Optional[str]) -> Optional[float]:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
