"""When an answer may be asked for again, and after how long."""

from __future__ import annotations

import random
import time
from email.utils import parsedate_to_datetime
from typing import Any, Optional

import httpx

FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 8.0
# A server that asks for a longer pause is not obeyed: the caller would seem to hang.
MAX_SERVER_DELAY_SECONDS = 60.0
# Up to this part is taken off each delay, so that clients that failed together do not come back together.
JITTER = 0.25


def is_retryable(response: httpx.Response, body: Any = None) -> bool:
    """The server's own word, in a header or as machines have it in the body, goes before the status."""
    verdict = response.headers.get("x-should-retry")
    if verdict in ("true", "false"):
        return bool(verdict == "true")
    said = body.get("retryable") if isinstance(body, dict) else None
    if isinstance(said, bool):
        return said
    return response.status_code in (408, 409, 429) or response.status_code >= 500


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
