# Made by tools/unasync.py from _async/keys.py; not to be edited.
"""`client.keys`: the organisation's API keys, for a key that has the scope `admin`."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence

from .._config import Timeout
from .._generated import routes
from .._generated.models import DeleteResponse, Key, NewKey
from .._options import CallOptions, Headers, Query, present
from .http import Http


class Keys:
    """Of the scopes `read`, `run`, `manage` and `admin` each has those before it."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(
        self,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> List[Key]:
        """Oldest first, without what is secret."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.LIST_KEYS, options=options)

    def create(
        self,
        *,
        name: Optional[str] = None,
        scopes: Optional[Sequence[str]] = None,
        expires_at: Optional[str] = None,
        requests_per_minute: Optional[int] = None,
        api: Optional[str] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> NewKey:
        """`.key` of the answer is the key itself, which no other answer has. Default: `manage`, for `fastvm`, as long
        as the key that makes it; `expires_at` is RFC 3339 with its zone."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(
            api=api,
            name=name,
            scopes=None if scopes is None else list(scopes),
            expires_at=expires_at,
            requests_per_minute=requests_per_minute,
        )
        return self._http.call(routes.CREATE_KEY, body=body, options=options, once=True)

    def revoke(
        self,
        id: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> DeleteResponse:
        """It opens nothing more when this returns. Raises NotFoundError when there is none."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.DELETE_KEY, id, options=options)
