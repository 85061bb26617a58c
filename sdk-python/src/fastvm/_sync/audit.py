# Made by tools/unasync.py from _async/audit.py; not to be edited.
"""`client.audit`: who changed what of the organisation, and who tried to; for a key that has the scope `admin`."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from .._config import Timeout
from .._generated import routes
from .._generated.models import AuditPage
from .._options import CallOptions, Headers, Query
from .http import Http


class Audit:
    def __init__(self, http: Http) -> None:
        self._http = http

    def list(
        self,
        *,
        after: Optional[int] = None,
        limit: Optional[int] = None,
        order: Optional[str] = None,
        vm: Optional[str] = None,
        key: Optional[str] = None,
        method: Optional[str] = None,
        operation: Optional[str] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> AuditPage:
        """
        Oldest first, or newest with `order="desc"`. Who reads on `after` the last entry of a page misses none. `vm` and `key` are ids, also
        of what is gone; `method` is such as `DELETE`, `operation` such as `deleteVm`. `limit`: at most 1,000, by default 100.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        query = {
            "after": None if after is None else str(after),
            "limit": None if limit is None else str(limit),
            "order": order,
            "vm": vm,
            "key": key,
            "method": method,
            "operation": operation,
        }
        return self._http.call(routes.LIST_AUDIT, query=query, options=options)
