# Made by tools/unasync.py from _async/quotas.py; not to be edited.
"""`client.quotas`: what the organisation may use and what it uses."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from .._config import Timeout
from .._generated import routes
from .._generated.models import OrgQuotaUsage
from .._options import CallOptions, Headers, Query
from .http import Http


class Quotas:
    def __init__(self, http: Http) -> None:
        self._http = http

    def retrieve(
        self,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> OrgQuotaUsage:
        """Paused VMs count against nothing."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.GET_QUOTAS, options=options)
