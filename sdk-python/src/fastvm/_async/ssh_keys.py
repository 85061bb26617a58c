"""SSH keys: `client.vms.ssh_keys` of one VM, `client.me.ssh_keys` of the user."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from .._config import Timeout
from .._generated import routes
from .._generated.models import DeleteResponse, SshKey, SshKeyListResponse
from .._options import CallOptions, Headers, Query, present
from .._refs import VMRef
from .._request import id_of
from .http import AsyncHttp


class AsyncVmSshKeys:
    """Keys that open one VM: `ssh root@<public_ipv6>`."""

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
    ) -> SshKeyListResponse:
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.LIST_VM_SSH_KEYS, id_of(id), options=options)

    async def add(
        self,
        id: VMRef,
        *,
        public_key: str,
        name: Optional[str] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> SshKey:
        """Raises ConflictError when the VM has the key already."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = key_body(public_key, name)
        return await self._http.call(routes.ADD_VM_SSH_KEY, id_of(id), body=body, options=options, once=True)

    async def delete(
        self,
        id: VMRef,
        fingerprint: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> DeleteResponse:
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.DELETE_VM_SSH_KEY, id_of(id), fingerprint, options=options)


class AsyncUserSshKeys:
    """Keys that open all VMs of their user."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(
        self,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> SshKeyListResponse:
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.LIST_MY_SSH_KEYS, options=options)

    async def add(
        self,
        *,
        public_key: str,
        name: Optional[str] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> SshKey:
        """Raises ConflictError when the key is known already."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = key_body(public_key, name)
        return await self._http.call(routes.ADD_MY_SSH_KEY, body=body, options=options, once=True)

    async def delete(
        self,
        fingerprint: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> DeleteResponse:
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.DELETE_MY_SSH_KEY, fingerprint, options=options)


class AsyncMe:
    def __init__(self, http: AsyncHttp) -> None:
        self.ssh_keys = AsyncUserSshKeys(http)


def key_body(public_key: str, name: Optional[str]) -> Dict[str, Any]:
    """A `.pub` file ends in a newline, which the server would refuse."""
    return present(public_key=public_key.strip(), name=name)
