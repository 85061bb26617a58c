"""
`client.builds` and `client.build_contexts`: snapshots made from images. `client.build` makes these calls and waits.
"""

from __future__ import annotations

from typing import Any, Mapping, Optional

from .. import _builds
from .._builds import BuildResponse
from .._config import Timeout
from .._generated.models import FilePresignResponse
from .._options import CallOptions, Headers, Query, present
from .http import AsyncHttp


class AsyncBuilds:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def create(
        self,
        name: Optional[str] = None,
        image_ref: Optional[str] = None,
        dockerfile_content: Optional[str] = None,
        machine_type: Optional[str] = None,
        disk_gi_b: Optional[int] = None,
        context_download_url: Optional[str] = None,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> BuildResponse:
        """Needs `image_ref` or `dockerfile_content`. Answers at once; `retrieve` tells how it goes."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(
            name=name,
            image_ref=image_ref,
            dockerfile_content=dockerfile_content,
            machine_type=machine_type,
            disk_gi_b=disk_gi_b,
            context_download_url=context_download_url,
        )
        return await self._http.call(_builds.CREATE_BUILD, body=body, options=options, once=True)

    async def retrieve(
        self,
        id: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> BuildResponse:
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(_builds.GET_BUILD, id, options=options)


class AsyncBuildContexts:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def presign(
        self,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> FilePresignResponse:
        """Where a `tar.gz` of the build's context is PUT."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(_builds.PRESIGN_CONTEXT, options=options, once=True)
