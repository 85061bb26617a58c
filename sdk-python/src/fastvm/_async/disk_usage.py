"""`client.disk_usage`: what VMs and snapshots take of the host's disk."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from .._config import Timeout
from .._generated import routes
from .._generated.models import DiskUsage
from .._options import CallOptions, Headers, Query
from .http import AsyncHttp


class AsyncDiskUsages:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def retrieve(
        self,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> DiskUsage:
        """Read from the files as they are: it takes longer the more there are."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.GET_DISK_USAGE, options=options)
