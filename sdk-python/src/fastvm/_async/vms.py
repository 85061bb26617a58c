"""`client.vms`: one method per call of the API's VM routes."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

import httpx

from .._config import VM_WORK_SECONDS, Timeout
from .._errors import FastvmError
from .._exec import NDJSON, AsyncStdin, Command, argv_of, checked_result, exec_body, exec_seconds, inline_stdin
from .._generated import routes
from .._generated.models import VM, ConsoleTokenResponse, DeleteResponse, ExecVMResponse, ForkResult, VMLogs, VMMetrics, VMStats
from .._options import NOT_GIVEN, CallOptions, Headers, NotGiven, Query, given, present
from .._refs import (
    DNSInput,
    EgressInput,
    FirewallInput,
    IdleInput,
    IngressInput,
    LegacyRules,
    MaxLifeInput,
    TTLInput,
    VMRef,
    VolumeInput,
)
from .._request import id_of
from .._waiting import DEFAULT_POLL_SECONDS, DEFAULT_WAIT_SECONDS, Patience, is_running, not_ready
from .blocking import sleep
from .bucket_mounts import AsyncBucketMounts
from .commands import AsyncCommands, AsyncPty
from .console import AsyncConsole, open_console
from .exec_stream import AsyncExecStream
from .execs import AsyncExecs
from .files import AsyncFiles
from .firewall import AsyncVmFirewall
from .http import AsyncHttp
from .launched_vm import AsyncLaunchedVM
from .services import AsyncServices
from .ssh_keys import AsyncVmSshKeys
from .staged_stdin import staged_stdin
from .vm_volumes import AsyncVmVolumes


class AsyncVms:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http
        self.execs = AsyncExecs(http)
        self.commands = AsyncCommands(self.execs)
        self.pty = AsyncPty(self.execs)
        self.files = AsyncFiles(http)
        self.firewall = AsyncVmFirewall(http)
        self.services = AsyncServices(http)
        self.ssh_keys = AsyncVmSshKeys(http)
        self.volumes = AsyncVmVolumes(http)
        self.bucket_mounts = AsyncBucketMounts(http)

    async def list(
        self,
        status: Optional[str] = None,
        *,
        metadata: Optional[Mapping[str, str]] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> List[VM]:
        """All VMs of the organisation that are not deleted; with `metadata` those that carry all of its pairs."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        query = {"status": status, **metadata_query(metadata)}
        return await self._http.call(routes.LIST_VMS, query=query, options=options)

    async def launch(
        self,
        *,
        machine_type: Optional[str] = None,
        snapshot_id: Optional[str] = None,
        image: Optional[str] = None,
        name: Optional[str] = None,
        disk_gi_b: Optional[int] = None,
        metadata: Optional[Mapping[str, str]] = None,
        env_vars: Optional[Mapping[str, str]] = None,
        firewall: Optional[FirewallInput] = None,
        ttl: Optional[TTLInput] = None,
        max_life: Optional[MaxLifeInput] = None,
        idle: Optional[IdleInput] = None,
        auto_resume: Optional[bool] = None,
        durability: Optional[str] = None,
        restart_policy: Optional[str] = None,
        tls: Optional[Mapping[str, Any]] = None,
        secrets: Optional[Sequence[Mapping[str, Any]]] = None,
        volumes: Optional[Sequence[VolumeInput]] = None,
        bucket_mounts: Optional[Sequence[Mapping[str, Any]]] = None,
        wait: bool = True,
        poll_interval: float = DEFAULT_POLL_SECONDS,
        wait_timeout: float = DEFAULT_WAIT_SECONDS,
        timeout: Timeout = None,
        max_retries: int = 0,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> AsyncLaunchedVM:
        """
        Starts a VM from a machine type, with `image` of an image that the host keeps, or from a snapshot; returns when
        it runs. As a context (`with`, `async with await`) it is deleted at the end of the block. Not repeated by
        itself: that could make two VMs. Raises VMLaunchError when the VM fails, VMNotReadyError when it takes longer than `wait_timeout`
        seconds. With `wait=False` it returns the VM as the first answer has it, running or queued.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(
            machine_type=machine_type,
            snapshot_id=snapshot_id,
            image=image,
            name=name,
            disk_gi_b=disk_gi_b,
            metadata=metadata,
            env_vars=env_vars,
            firewall=firewall,
            ttl=ttl,
            max_life=max_life,
            idle=idle,
            auto_resume=auto_resume,
            durability=durability,
            restart_policy=restart_policy,
            tls=tls,
            secrets=None if secrets is None else [*secrets],
            volumes=None if volumes is None else [*volumes],
            bucket_mounts=None if bucket_mounts is None else [*bucket_mounts],
        )
        vm = await self._http.call(
            routes.LAUNCH_VM, body=body, options=options, default_seconds=VM_WORK_SECONDS, once=True
        )
        if wait and not is_running(vm):
            vm = await self.wait_until_running(vm, poll_interval=poll_interval, timeout=wait_timeout)
        return AsyncLaunchedVM.of(vm, self._http)

    async def wait_until_running(
        self, id: VMRef, *, poll_interval: float = DEFAULT_POLL_SECONDS, timeout: float = DEFAULT_WAIT_SECONDS
    ) -> VM:
        """For a VM that was launched with `wait=False`, or found in a list."""
        patience = Patience(poll_interval, timeout)
        while True:
            vm = await self.retrieve(id)
            if is_running(vm):
                return vm
            pause = patience.pause()
            if pause is None:
                raise not_ready(vm, patience)
            await sleep(pause)

    async def retrieve(
        self,
        id: VMRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> VM:
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.GET_VM, id_of(id), options=options)

    async def update(
        self,
        id: VMRef,
        name: Union[str, NotGiven] = NOT_GIVEN,
        metadata: Union[Mapping[str, str], NotGiven] = NOT_GIVEN,
        ttl: Union[TTLInput, None, NotGiven] = NOT_GIVEN,
        *,
        max_life: Union[MaxLifeInput, None, NotGiven] = NOT_GIVEN,
        idle: Union[IdleInput, None, NotGiven] = NOT_GIVEN,
        auto_resume: Union[bool, NotGiven] = NOT_GIVEN,
        restart_policy: Union[str, NotGiven] = NOT_GIVEN,
        tls: Union[Mapping[str, Any], NotGiven] = NOT_GIVEN,
        secrets: Union[Sequence[Mapping[str, Any]], NotGiven] = NOT_GIVEN,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> VM:
        """
        Only what is given changes: `metadata` replaces all of it, a `ttl`, `max_life` or `idle` of None removes it; one
        that is given counts from now on.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = given(
            name=name,
            metadata=metadata,
            ttl=ttl,
            max_life=max_life,
            idle=idle,
            auto_resume=auto_resume,
            restart_policy=restart_policy,
            tls=tls,
            secrets=secrets,
        )
        return await self._http.call(routes.UPDATE_VM, id_of(id), body=body, options=options)

    async def delete(
        self,
        id: VMRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> DeleteResponse:
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.DELETE_VM, id_of(id), options=options, default_seconds=VM_WORK_SECONDS)

    async def pause(
        self,
        id: VMRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> VM:
        """Saves the VM's memory and frees it; `resume` goes on at the same instruction. Fine on a paused VM."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.PAUSE_VM, id_of(id), options=options, default_seconds=VM_WORK_SECONDS)

    async def resume(
        self,
        id: VMRef,
        *,
        wait: bool = True,
        poll_interval: float = DEFAULT_POLL_SECONDS,
        wait_timeout: float = DEFAULT_WAIT_SECONDS,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> VM:
        """Returns when the VM runs again, having waited for room on the host if it must."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        vm = await self._http.call(routes.RESUME_VM, id_of(id), options=options, default_seconds=VM_WORK_SECONDS)
        if not wait or vm.status == "running":
            return vm
        return await self.wait_until_running(vm, poll_interval=poll_interval, timeout=wait_timeout)

    async def stop(
        self,
        id: VMRef,
        *,
        grace_sec: Optional[int] = None,
        wait: bool = True,
        poll_interval: float = DEFAULT_POLL_SECONDS,
        wait_timeout: float = DEFAULT_WAIT_SECONDS,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> VM:
        """
        Its guest powers off, or loses its power after `grace_sec`; its disk is kept. Returns when the VM is stopped. Fine on a stopped VM.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(grace_sec=grace_sec)
        vm = await self._http.call(
            routes.STOP_VM, id_of(id), body=body, options=options, default_seconds=VM_WORK_SECONDS
        )
        patience = Patience(poll_interval, wait_timeout)
        while wait and vm.status not in ("stopped", "error"):
            pause = patience.pause()
            if pause is None:
                raise not_ready(vm, patience)
            await sleep(pause)
            vm = await self.retrieve(id)
        return vm

    async def start(
        self,
        id: VMRef,
        *,
        force: Optional[bool] = None,
        wait: bool = True,
        poll_interval: float = DEFAULT_POLL_SECONDS,
        wait_timeout: float = DEFAULT_WAIT_SECONDS,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> VM:
        """
        Boots the disk of a stopped VM. Returns when it runs; raises VMLaunchError when it cannot: then it is stopped still.
        `force`: a disk that its host lost boots without the check that it has to pass otherwise.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(force=force)
        vm = await self._http.call(
            routes.START_VM, id_of(id), body=body, options=options, default_seconds=VM_WORK_SECONDS
        )
        if not wait or vm.status == "running":
            return vm
        return await self.wait_until_running(vm, poll_interval=poll_interval, timeout=wait_timeout)

    async def restart(
        self,
        id: VMRef,
        *,
        grace_sec: Optional[int] = None,
        wait: bool = True,
        poll_interval: float = DEFAULT_POLL_SECONDS,
        wait_timeout: float = DEFAULT_WAIT_SECONDS,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> VM:
        """`stop` and `start`; of a stopped VM a start."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(grace_sec=grace_sec)
        vm = await self._http.call(
            routes.RESTART_VM, id_of(id), body=body, options=options, default_seconds=VM_WORK_SECONDS
        )
        if not wait or vm.status == "running":
            return vm
        return await self.wait_until_running(vm, poll_interval=poll_interval, timeout=wait_timeout)

    async def refresh_ttl(
        self,
        id: VMRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> VM:
        """Starts the VM's ttl anew. Raises ConflictError when it has none."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.REFRESH_VM_TTL, id_of(id), options=options)

    async def fork(
        self,
        id: VMRef,
        *,
        count: Optional[int] = None,
        names: Optional[Sequence[str]] = None,
        metadata: Optional[Mapping[str, str]] = None,
        firewall: Optional[FirewallInput] = None,
        volumes: Optional[str] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> ForkResult:
        """
        Captures a running or paused VM once and starts `count` VMs that go on from there, with its memory, processes
        and files; the source goes on too. Raises only when the capture fails: each child has an outcome of its own.
        `volumes`: what children have of the source's volumes, `shared` (default), `read-only`, `none` or
        `copy`, which are volumes of their own.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(
            count=count,
            names=None if names is None else [*names],
            metadata=metadata,
            firewall=firewall,
            volumes=volumes,
        )
        return await self._http.call(
            routes.FORK_VM, id_of(id), body=body, options=options, default_seconds=VM_WORK_SECONDS, once=True
        )

    async def set_firewall(
        self,
        id: VMRef,
        ingress: Union[IngressInput, LegacyRules, NotGiven] = NOT_GIVEN,
        egress: Union[EgressInput, NotGiven] = NOT_GIVEN,
        dns: Union[DNSInput, NotGiven] = NOT_GIVEN,
        *,
        mode: Union[str, NotGiven] = NOT_GIVEN,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> VM:
        """
        Replaces the whole policy, in force when it returns. With `mode`, `ingress` is a list of the older dialect.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = given(ingress=ingress, egress=egress, dns=dns, mode=mode)
        return await self._http.call(routes.SET_VM_FIREWALL, id_of(id), body=body, options=options)

    async def patch_firewall(
        self,
        id: VMRef,
        ingress: Union[IngressInput, LegacyRules, NotGiven] = NOT_GIVEN,
        egress: Union[EgressInput, NotGiven] = NOT_GIVEN,
        dns: Union[DNSInput, NotGiven] = NOT_GIVEN,
        *,
        mode: Union[str, NotGiven] = NOT_GIVEN,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> VM:
        """Replaces the blocks that are given and leaves the others."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = given(ingress=ingress, egress=egress, dns=dns, mode=mode)
        return await self._http.call(routes.PATCH_VM_FIREWALL, id_of(id), body=body, options=options)

    async def console_token(
        self,
        id: VMRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> ConsoleTokenResponse:
        """A ticket for one connection to the VM's console; `console` takes one and connects."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.CREATE_CONSOLE_TOKEN, id_of(id), options=options)

    async def console(self, id: VMRef, *, columns: int = 80, rows: int = 24) -> AsyncConsole:
        """The VM's terminal, connected. Needs the package `websockets`."""
        token = await self.console_token(id)
        return await open_console(self._http.config, token, columns, rows)

    async def url(self, id: VMRef, service: Union[int, str]) -> str:
        """
        The URL of a port, or of a service by its name. A port that no service has is registered as `port-N`; anybody who
        knows a URL may call it. By path where the server has no names of its own for services.
        """
        for each in await self.services.list(id):
            if service in (each.name, each.port):
                break
        else:
            if isinstance(service, str):
                raise FastvmError(f"The VM has no service {service}")
            each = await self.services.register(id, f"port-{service}", service)
        url = each.url or each.path_url
        if url is None:
            raise FastvmError(f"The server has no URL for service {each.name}")
        return url

    async def metrics(
        self,
        id: VMRef,
        *,
        since: Optional[str] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> VMMetrics:
        """What it used of its host in the last hour, a sample every ten seconds; `since`: RFC 3339."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.GET_VM_METRICS, id_of(id), query={"since": since}, options=options)

    async def stats(
        self,
        id: VMRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> VMStats:
        """What the VM uses of its host now, in whatever state it is."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.GET_VM_STATS, id_of(id), options=options)

    async def logs(
        self,
        id: VMRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> VMLogs:
        """What the guest's console and the VM's QEMU printed last; of a VM that failed, as much as was kept."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.GET_VM_LOGS, id_of(id), options=options)

    async def run(
        self,
        id: VMRef,
        *,
        command: Command,
        timeout_sec: Optional[int] = None,
        stdin: Optional[AsyncStdin] = None,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[str] = None,
        user: Optional[str] = None,
        timeout: Timeout = None,
        max_retries: int = 0,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> ExecVMResponse:
        """
        Runs a command and returns when it has ended, whatever its exit code. A string is run by `sh -c`. The command
        ends with its call. `stdin` is text, bytes, or a file or iterable of bytes of any size. Raises CommandLostError
        when its VM or host is lost in the middle.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        argv, data = argv_of(command), None
        if stdin is not None:
            data = inline_stdin(stdin)
            if data is None:
                argv = await staged_stdin(self, id, stdin, argv, user)
        body = exec_body(argv, timeout_sec, data, env, cwd, user)
        seconds = exec_seconds(timeout_sec)
        result = await self._http.call(
            routes.EXEC_IN_VM, id_of(id), body=body, options=options, default_seconds=seconds, once=True
        )
        return checked_result(result)

    def stream(
        self,
        id: VMRef,
        *,
        command: Command,
        timeout_sec: Optional[int] = None,
        stdin: Optional[AsyncStdin] = None,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[str] = None,
        user: Optional[str] = None,
        timeout: Timeout = None,
        max_retries: int = 0,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> AsyncExecStream:
        """
        Runs a command and gives its output as it comes, without a limit, then one exit. It starts at the first read and
        is killed when the stream is closed. `timeout` is what may pass between two pieces; the server sends a heartbeat
        every 15 s.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)

        async def opens() -> httpx.Response:
            argv, data = argv_of(command), None
            if stdin is not None:
                data = inline_stdin(stdin)
                if data is None:
                    argv = await staged_stdin(self, id, stdin, argv, user)
            return await self._http.open(
                routes.EXEC_IN_VM,
                [id_of(id)],
                body=exec_body(argv, timeout_sec, data, env, cwd, user),
                options=options,
                default_seconds=VM_WORK_SECONDS,
                once=True,
                accept=NDJSON,
                stream=True,
            )

        return AsyncExecStream(opens)


def metadata_query(metadata: Optional[Mapping[str, str]]) -> Dict[str, Any]:
    """The query's `metadata.<key>=<value>` pairs."""
    return {f"metadata.{key}": value for key, value in (metadata or {}).items()}
