"""
`client.vms.files`: beside the files of a VM, the two calls that file transfers are made of. `client.upload` and
`client.download` make them.
"""

from __future__ import annotations

from typing import Any, Mapping, Optional

from .._config import Timeout
from .._exec import exec_seconds
from .._generated import routes
from .._generated.models import ExecVMResponse, FilePresignResponse
from .._options import CallOptions, Headers, Query, present
from .._refs import VMRef
from .._request import id_of
from .guest_files import AsyncGuestFiles


class AsyncFiles(AsyncGuestFiles):
    async def presign(
        self,
        id: VMRef,
        path: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> FilePresignResponse:
        """`path` only names the object; any is taken."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.PRESIGN_FILE, id_of(id), body={"path": path}, options=options, once=True)

    async def fetch(
        self,
        id: VMRef,
        url: str,
        path: str,
        timeout_sec: Optional[int] = None,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> ExecVMResponse:
        """Makes the VM fetch what was PUT to the staging object. The result's exit code says whether it could."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(url=url, path=path, timeout_sec=timeout_sec)
        seconds = exec_seconds(timeout_sec)
        return await self._http.call(
            routes.FETCH_FILE, id_of(id), body=body, options=options, default_seconds=seconds, once=True
        )
