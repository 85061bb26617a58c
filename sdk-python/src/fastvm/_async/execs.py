"""`client.vms.execs`: the routes of commands in the background, one method each. `client.vms.commands` has handles for them."""

from __future__ import annotations

import base64
from typing import Any, List, Mapping, Optional, Union

import httpx

from .._config import VM_WORK_SECONDS, Timeout
from .._exec import NDJSON, Command, argv_of
from .._generated import routes
from .._generated.models import BackgroundExec, DeleteResponse, ExecOutput, Signalled
from .._generated.params import TerminalSizeParam
from .._options import CallOptions, Headers, Query, present
from .._refs import VMRef
from .._request import id_of
from .exec_stream import AsyncExecStream
from .http import AsyncHttp


class AsyncExecs:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def start(
        self,
        id: VMRef,
        command: Command,
        timeout_sec: Optional[int] = None,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[str] = None,
        user: Optional[str] = None,
        pty: Optional[TerminalSizeParam] = None,
        keep_stdin: Optional[bool] = None,
        keep_output_bytes: Optional[int] = None,
        *,
        timeout: Timeout = None,
        max_retries: int = 0,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> BackgroundExec:
        """
        Starts a command that belongs to the VM: it outlives this client, the daemon, pause and resume, and is in snapshots
        and forks. A string is run by `sh -c`. With `pty` it has a terminal of that size; with `keep_stdin` it can be
        written to. The VM keeps the newest `keep_output_bytes` of its output, 1 MiB unless said otherwise.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(
            command=argv_of(command),
            timeout_sec=timeout_sec,
            env=env,
            cwd=cwd,
            user=user,
            pty=pty,
            keep_stdin=keep_stdin,
            keep_output_bytes=keep_output_bytes,
        )
        return await self._http.call(routes.START_EXEC, id_of(id), body=body, options=options, once=True)

    async def list(
        self,
        id: VMRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> List[BackgroundExec]:
        """Oldest first; those that ended long ago are forgotten."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.LIST_EXECS, id_of(id), options=options)

    async def retrieve(
        self,
        id: VMRef,
        exec_id: str,
        wait_sec: Optional[int] = None,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> BackgroundExec:
        """With `wait_sec`, at most 50, it returns when the command has ended or after so long."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        query = present(waitSec=wait_sec)
        return await self._http.call(
            routes.GET_EXEC, id_of(id), exec_id, query=query, options=options, default_seconds=VM_WORK_SECONDS
        )

    async def output(
        self,
        id: VMRef,
        exec_id: str,
        offset: Optional[int] = None,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> ExecOutput:
        """What of its output is kept now, from an offset on."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        query = present(offset=offset)
        return await self._http.call(routes.GET_EXEC_OUTPUT, id_of(id), exec_id, query=query, options=options)

    def follow(
        self,
        id: VMRef,
        exec_id: str,
        offset: Optional[int] = None,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> AsyncExecStream:
        """
        What is kept of its output, then what comes, until the command ends. Each stretch begins with an `a`: where it
        stands, and how much was lost before it. Closing the stream leaves the command alone.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)

        async def opens() -> httpx.Response:
            return await self._http.open(
                routes.GET_EXEC_OUTPUT,
                [id_of(id), exec_id],
                query=present(offset=offset),
                options=options,
                accept=NDJSON,
                stream=True,
            )

        return AsyncExecStream(opens)

    async def write_stdin(
        self,
        id: VMRef,
        exec_id: str,
        data: Union[str, bytes, None] = None,
        close: Optional[bool] = None,
        *,
        timeout: Timeout = None,
        max_retries: int = 0,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> None:
        """
        Returns when the command's pipe or terminal has taken all of it. `close` closes stdin behind it; on a terminal, it
        types its end. Raises ConflictError when the command takes no more.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        raw = data.encode() if isinstance(data, str) else data
        body = present(data=None if raw is None else base64.b64encode(raw).decode(), close=close)
        await self._http.call(
            routes.WRITE_EXEC_STDIN,
            id_of(id),
            exec_id,
            body=body,
            options=options,
            default_seconds=VM_WORK_SECONDS,
            once=True,
        )

    async def signal(
        self,
        id: VMRef,
        exec_id: str,
        signal: Optional[str] = None,
        *,
        timeout: Timeout = None,
        max_retries: int = 0,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Signalled:
        """To the whole process group; a name or a number, `SIGTERM` unless said otherwise."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(signal=signal)
        return await self._http.call(routes.SIGNAL_EXEC, id_of(id), exec_id, body=body, options=options, once=True)

    async def resize(
        self,
        id: VMRef,
        exec_id: str,
        cols: int,
        rows: int,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> None:
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = {"cols": cols, "rows": rows}
        await self._http.call(routes.RESIZE_EXEC, id_of(id), exec_id, body=body, options=options)

    async def delete(
        self,
        id: VMRef,
        exec_id: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> DeleteResponse:
        """Kills what runs of it, and forgets it."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.DELETE_EXEC, id_of(id), exec_id, options=options)
