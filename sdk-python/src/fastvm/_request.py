"""Requests as bytes and answers as values, without doing any input or output: what both clients share."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Optional, Sequence
from urllib.parse import quote, urlencode

import httpx

from ._config import DEFAULT_TIMEOUT, Config
from ._errors import APIResponseValidationError, FastvmError
from ._model import from_wire, to_wire
from ._options import CallOptions
from ._route import Route

# What a path segment may hold as it is.
SEGMENT_SAFE = "-._~!$&'()*+,;=:@"
PLACEHOLDER = re.compile(r"\{[^}]*\}")
# Enough to recognise what came in place of an answer.
SHOWN_CHARS = 200


def path_of(template: str, parts: Sequence[str]) -> str:
    """
    Fills the template's names in order. Raises for `.`, `..` and the empty one: a URL parser would resolve them away.
    """
    left = list(parts)
    return PLACEHOLDER.sub(lambda _: segment(left.pop(0)), template)


def segment(text: str) -> str:
    if text in ("", ".", ".."):
        raise FastvmError(f"{text!r} cannot be an id or a name")
    return quote(text, safe=SEGMENT_SAFE)


def id_of(resource: Any) -> str:
    """Calls that concern a VM or a snapshot take its id or the object itself."""
    found = resource if isinstance(resource, str) else getattr(resource, "id", None)
    if not isinstance(found, str):
        raise FastvmError(f"{resource!r} is neither an id nor an object that has one")
    return found


def headers_of(config: Config, options: CallOptions, accept: str, content_type: Optional[str]) -> httpx.Headers:
    headers = httpx.Headers({"accept": accept, "user-agent": config.user_agent, **config.credentials})
    if content_type is not None:
        headers["content-type"] = content_type
    headers.update(dict(config.headers))
    headers.update(dict(options.extra_headers or {}))
    return headers


def url_of(config: Config, route: Route[Any], parts: Sequence[str], query: Optional[Dict[str, Any]], options: CallOptions) -> str:
    every = {**(query or {}), **(options.extra_query or {})}
    pairs = {name: text_of(value) for name, value in every.items() if value is not None}
    suffix = f"?{urlencode(pairs, quote_via=quote)}" if pairs else ""
    return f"{config.base_url}{path_of(route.path, parts)}{suffix}"


def text_of(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def body_of(route: Route[Any], body: Any, options: CallOptions) -> Optional[bytes]:
    if body is None and not options.extra_body:
        return None
    wire = to_wire(route.body, {} if body is None else body)
    return json.dumps({**wire, **(options.extra_body or {})}, separators=(",", ":")).encode()


def timeout_of(config: Config, options: CallOptions, default_seconds: Optional[float]) -> httpx.Timeout:
    if options.timeout is not None:
        return httpx.Timeout(options.timeout)
    if config.timeout is not None:
        return config.timeout
    if default_seconds is None:
        return DEFAULT_TIMEOUT
    return httpx.Timeout(default_seconds, connect=DEFAULT_TIMEOUT.connect)


def value_of(route: Route[Any], response: httpx.Response) -> Any:
    """None for an answer without a body."""
    text = response.text.strip()
    if not text:
        return None
    try:
        value = json.loads(text)
    except ValueError as cause:
        raise APIResponseValidationError(f"The answer is not JSON: {text[:SHOWN_CHARS]}") from cause
    return from_wire(route.answer, value)


def without_key(request: httpx.Request, origin: httpx.URL) -> httpx.Request:
    """A redirect to another origin must not carry the key there."""
    url = request.url
    if (url.scheme, url.host, url.port) != (origin.scheme, origin.host, origin.port):
        for name in ("x-api-key", "authorization"):
            request.headers.pop(name, None)
    return request
