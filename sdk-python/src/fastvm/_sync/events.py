# Made by tools/unasync.py from _async/events.py; not to be edited.
"""`client.events`: what happened to VMs and snapshots."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence

from .._config import Timeout
from .._generated import routes
from .._generated.models import EventPage
from .._options import CallOptions, Headers, Query
from .http import Http


class Events:
    def __init__(self, http: Http) -> None:
        self._http = http

    def list(
        self,
        *,
        after: Optional[int] = None,
        limit: Optional[int] = None,
        order: Optional[str] = None,
        vm: Optional[str] = None,
        snapshot: Optional[str] = None,
        types: Optional[Sequence[str]] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> EventPage:
        """
        Oldest first, or newest with `order="desc"`. `after` is the id of an event: who reads on after the last one that he saw misses
        nothing. `vm` and `snapshot` are ids, also of what is gone; `types` are such as `vm.pause_succeeded`. `limit`: at most 1,000, by
        default 100.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        query = {
            "after": None if after is None else str(after),
            "limit": None if limit is None else str(limit),
            "order": order,
            "vm": vm,
            "snapshot": snapshot,
            "type": None if types is None else ",".join(types),
        }
        return self._http.call(routes.LIST_EVENTS, query=query, options=options)
