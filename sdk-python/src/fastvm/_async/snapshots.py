"""`client.snapshots`: one method per call of the API's snapshot routes, and `restore`."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence

from .._config import VM_WORK_SECONDS, Timeout
from .._generated import routes
from .._generated.models import VM, DeleteResponse, Snapshot
from .._options import CallOptions, Headers, Query, present
from .._refs import FirewallInput, SnapshotRef, TTLInput, VMRef, VolumeInput
from .._request import id_of
from .._waiting import DEFAULT_POLL_SECONDS, DEFAULT_WAIT_SECONDS
from .http import AsyncHttp
from .vms import AsyncVms, metadata_query


class AsyncSnapshots:
    def __init__(self, http: AsyncHttp, vms: AsyncVms) -> None:
        self._http = http
        self._vms = vms

    async def list(
        self,
        *,
        metadata: Optional[Mapping[str, str]] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> List[Snapshot]:
        """With `metadata` those that carry all of its pairs."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.LIST_SNAPSHOTS, query=metadata_query(metadata), options=options)

    async def create(
        self,
        vm_id: VMRef,
        name: Optional[str] = None,
        *,
        reclaim: Optional[bool] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Snapshot:
        """
        Saves a running or paused VM, which goes on; returns when the snapshot is on disk. Never repeated by itself.

        With `reclaim` the VM drops its page cache, and memory that it has free is left out: a smaller snapshot.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(vm_id=id_of(vm_id), name=name, reclaim=reclaim)
        return await self._http.call(
            routes.CREATE_SNAPSHOT, body=body, options=options, default_seconds=VM_WORK_SECONDS, once=True
        )

    async def retrieve(
        self,
        id: SnapshotRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Snapshot:
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.GET_SNAPSHOT, id_of(id), options=options)

    async def update(
        self,
        id: SnapshotRef,
        name: Optional[str] = None,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Snapshot:
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.UPDATE_SNAPSHOT, id_of(id), body=present(name=name), options=options)

    async def delete(
        self,
        id: SnapshotRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> DeleteResponse:
        """VMs that were restored from it live on."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.DELETE_SNAPSHOT, id_of(id), options=options)

    async def restore(
        self,
        id: SnapshotRef,
        *,
        name: Optional[str] = None,
        disk_gi_b: Optional[int] = None,
        metadata: Optional[Mapping[str, str]] = None,
        env_vars: Optional[Mapping[str, str]] = None,
        firewall: Optional[FirewallInput] = None,
        ttl: Optional[TTLInput] = None,
        auto_resume: Optional[bool] = None,
        volumes: Optional[Sequence[VolumeInput]] = None,
        wait: bool = True,
        poll_interval: float = DEFAULT_POLL_SECONDS,
        wait_timeout: float = DEFAULT_WAIT_SECONDS,
        timeout: Timeout = None,
        max_retries: int = 0,
    ) -> VM:
        """A new VM that goes on where the snapshot was taken; the same as `vms.launch(snapshot_id=…)`."""
        return await self._vms.launch(
            snapshot_id=id_of(id),
            name=name,
            disk_gi_b=disk_gi_b,
            metadata=metadata,
            env_vars=env_vars,
            firewall=firewall,
            ttl=ttl,
            auto_resume=auto_resume,
            volumes=volumes,
            wait=wait,
            poll_interval=poll_interval,
            wait_timeout=wait_timeout,
            timeout=timeout,
            max_retries=max_retries,
        )
