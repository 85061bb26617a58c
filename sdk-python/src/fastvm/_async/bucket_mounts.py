"""`client.vms.bucket_mounts`: buckets of object stores as folders of a VM, which are no POSIX."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from .._config import Timeout
from .._generated import routes
from .._generated.models import BucketMount
from .._options import CallOptions, Headers, Query, present
from .._refs import VMRef
from .._request import id_of
from .http import AsyncHttp


class AsyncBucketMounts:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(
        self,
        id: VMRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> List[BucketMount]:
        """Those of a VM."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.LIST_BUCKET_MOUNTS, id_of(id), options=options)

    async def retrieve(
        self,
        id: VMRef,
        bucket_mount_id: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> BucketMount:
        """One of them."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.GET_BUCKET_MOUNT, id_of(id), bucket_mount_id, options=options)

    async def attach(
        self,
        id: VMRef,
        bucket_uri: str,
        credentials: Mapping[str, Any],
        mount_path: str,
        *,
        read_only: Optional[bool] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> BucketMount:
        """`bucket_uri` is `s3://…` or `gs://…`."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(
            bucket_uri=bucket_uri, credentials=dict(credentials), mount_path=mount_path, read_only=read_only
        )
        return await self._http.call(routes.ATTACH_BUCKET_MOUNT, id_of(id), body=body, options=options, once=True)

    async def update(
        self,
        id: VMRef,
        bucket_mount_id: str,
        credentials: Mapping[str, Any],
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> BucketMount:
        """Gives it other credentials."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = {"credentials": dict(credentials)}
        return await self._http.call(routes.ROTATE_BUCKET_MOUNT, id_of(id), bucket_mount_id, body=body, options=options)

    async def delete(
        self,
        id: VMRef,
        bucket_mount_id: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> None:
        """Fine when there is none."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        await self._http.call(routes.DETACH_BUCKET_MOUNT, id_of(id), bucket_mount_id, options=options)
