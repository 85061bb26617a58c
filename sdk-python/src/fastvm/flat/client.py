"""
`FastVM`: the flat client. Each method is one thing to do and returns when it is done. All calls share a connection:
over https one of HTTP/2, where the server speaks it.
"""

from __future__ import annotations

import uuid
from types import TracebackType
from typing import Any, Dict, List, Mapping, Optional, Sequence, Type, Union

from .._async.console import AsyncConsole, open_console
from .._async.http import AsyncHttp
from .._async.vms import AsyncVms
from .._config import read_config
from .._errors import ForkError, InternalServerError, SnapshotError, SnapshotNotReadyError
from .._exec import AsyncStdin, Command
from .._generated import models, routes
from .._generated.models import FirewallReport, VMLogs, VMStats
from .._options import CallOptions, present
from .._request import id_of
from .._retry import retry_delay
from .._waiting import Patience, is_running, not_ready
from .._async.blocking import sleep
from .models import VM, CommandResult, FirewallPolicy, OrgQuotaUsage, PatchFirewallPolicy, Snapshot

# Not the other client's name: by it the server knows that firewalls are to be shown in the older dialect where they can
# be.
AGENT = "fastvm-flat-python"
DEFAULT_TIMEOUT = 300.0
DEFAULT_MACHINE = "c1m2"
POLL_SECONDS = 0.25
# The host's agent was not reached, or not in time: the command may be sent again.
TRANSIENT_STATUSES = (502, 503, 504)
TRANSIENT_RETRIES = 3

NO_OPTIONS = CallOptions()
VMLike = Union[str, VM]
SnapshotLike = Union[str, Snapshot]


class FastVM:
    """Raises a FastvmError when no API key is given or set in the environment. `timeout`: seconds for any call."""

    def __init__(
        self, api_key: Optional[str] = None, base_url: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT
    ) -> None:
        self._timeout = timeout
        self._config = read_config(api_key=api_key, base_url=base_url, timeout=timeout, agent=AGENT)
        self._http = AsyncHttp(self._config)
        self._vms = AsyncVms(self._http)

    async def __aenter__(self) -> "FastVM":
        try:
            await self.warmup()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.close()

    async def warmup(self) -> None:
        """Opens the connection, so that the first real call does not wait for it."""
        await self._http.call(routes.HEALTHZ, options=NO_OPTIONS)

    async def close(self) -> None:
        await self._http.aclose()

    async def launch(
        self,
        *,
        machine: str = DEFAULT_MACHINE,
        name: Optional[str] = None,
        disk_gib: Optional[int] = None,
        firewall: Optional[FirewallPolicy] = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> VM:
        """Launches a VM and waits until it runs."""
        body = present(machine_type=machine, name=name or new_name(), disk_gi_b=disk_gib, firewall=firewall)
        return await self._started(body, timeout)

    async def restore(
        self,
        snapshot: SnapshotLike,
        *,
        name: Optional[str] = None,
        firewall: Optional[FirewallPolicy] = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> VM:
        """A new VM that goes on where the snapshot was taken; waits until it runs."""
        body = present(snapshot_id=id_of(snapshot), name=name or new_name(), firewall=firewall)
        return await self._started(body, timeout)

    async def get(self, vm: VMLike) -> VM:
        return flat_vm(await self._vms.retrieve(id_of(vm)))

    async def list(self) -> "List[VM]":
        return [flat_vm(vm) for vm in await self._vms.list()]

    async def remove(self, vm: VMLike) -> None:
        await self._vms.delete(id_of(vm))

    async def rename(self, vm: VMLike, name: str) -> VM:
        return flat_vm(await self._vms.update(id_of(vm), name=name))

    async def set_firewall(self, vm: VMLike, policy: FirewallPolicy) -> VM:
        """Replaces the VM's public IPv6 ingress policy."""
        return flat_vm(await self._http.call(routes.SET_VM_FIREWALL, id_of(vm), body=policy, options=NO_OPTIONS))

    async def patch_firewall(self, vm: VMLike, patch: PatchFirewallPolicy) -> VM:
        """Only the fields that are given change."""
        return flat_vm(await self._http.call(routes.PATCH_VM_FIREWALL, id_of(vm), body=patch, options=NO_OPTIONS))

    async def run(
        self,
        vm: VMLike,
        command: Command,
        *,
        timeout_sec: Optional[int] = None,
        timeout: Optional[float] = None,
        stdin: Optional[AsyncStdin] = None,
    ) -> CommandResult:
        """
        Runs a command and waits for its end; a string is run by `sh -c`. Losing the connection kills it. After 502, 503
        and 504 it is sent again, up to three times, unless its `stdin` can be read only once.
        """
        retries = TRANSIENT_RETRIES if stdin is None or isinstance(stdin, (str, bytes, bytearray)) else 0
        retry = 0
        while True:
            try:
                result = await self._vms.run(
                    id_of(vm), command=command, timeout_sec=timeout_sec, timeout=timeout, stdin=stdin
                )
                return flat_result(result)
            except InternalServerError as error:
                if error.status_code not in TRANSIENT_STATUSES or retry >= retries:
                    raise
                await sleep(retry_delay(retry, error.headers))
                retry += 1

    async def snapshot(self, vm: VMLike, *, name: str = "", timeout: float = DEFAULT_TIMEOUT) -> Snapshot:
        """Saves a running VM, which goes on; waits until the snapshot is ready."""
        patience = Patience(POLL_SECONDS, timeout, shortest=POLL_SECONDS)
        body = {"vm_id": id_of(vm), "name": name or new_name()}
        options = CallOptions(timeout=timeout)
        snapshot = await self._http.call(routes.CREATE_SNAPSHOT, body=body, options=options, once=True)
        while snapshot.status != "ready":
            if snapshot.status == "error":
                raise SnapshotError(snapshot.id, snapshot.status, snapshot.status_reason)
            pause = patience.pause()
            if pause is None:
                raise SnapshotNotReadyError(snapshot.id, snapshot.status, timeout)
            await sleep(pause)
            snapshot = await self._http.call(routes.GET_SNAPSHOT, snapshot.id, options=NO_OPTIONS)
        return flat_snapshot(snapshot)

    async def list_snapshots(self) -> "List[Snapshot]":
        return [flat_snapshot(each) for each in await self._http.call(routes.LIST_SNAPSHOTS, options=NO_OPTIONS)]

    async def remove_snapshot(self, snapshot: SnapshotLike) -> None:
        await self._http.call(routes.DELETE_SNAPSHOT, id_of(snapshot), options=NO_OPTIONS)

    async def rename_snapshot(self, snapshot: SnapshotLike, name: str) -> Snapshot:
        body = {"name": name}
        return flat_snapshot(
            await self._http.call(routes.UPDATE_SNAPSHOT, id_of(snapshot), body=body, options=NO_OPTIONS)
        )

    async def quotas(self) -> OrgQuotaUsage:
        """The organisation's limits and what it uses."""
        usage = await self._http.call(routes.GET_QUOTAS, options=NO_OPTIONS)
        return OrgQuotaUsage.from_dict(usage.to_dict())

    async def fork(
        self,
        vm: VMLike,
        *,
        count: int = 1,
        names: Optional[Sequence[str]] = None,
        metadata: Optional[Mapping[str, str]] = None,
    ) -> "List[VM]":
        """
        Captures a VM once and starts `count` VMs that go on from there. Raises a ForkError when any child failed, after
        the children that did start were removed.
        """
        result = await self._vms.fork(id_of(vm), count=count, names=names, metadata=metadata)
        started = [child.vm for child in result.children if child.vm is not None]
        failures = [child.error.error for child in result.children if child.error is not None]
        if failures:
            for child in started:
                await self._vms.delete(child)
            raise ForkError(failures, len(result.children))
        return [flat_vm(child) for child in started]

    async def pause(self, vm: VMLike) -> VM:
        """Saves the VM's memory and frees it."""
        return flat_vm(await self._vms.pause(id_of(vm)))

    async def resume(self, vm: VMLike, *, timeout: float = DEFAULT_TIMEOUT) -> VM:
        """Goes on at the same instruction; waits until the VM runs."""
        resumed = await self._vms.resume(id_of(vm), wait=False)
        return await self._running(resumed, Patience(POLL_SECONDS, timeout, shortest=POLL_SECONDS))

    async def stats(self, vm: VMLike) -> VMStats:
        return await self._vms.stats(id_of(vm))

    async def logs(self, vm: VMLike) -> VMLogs:
        return await self._vms.logs(id_of(vm))

    async def firewall_hits(self, vm: VMLike) -> FirewallReport:
        """What is enforced, and what each rule has decided."""
        return await self._vms.firewall.retrieve(id_of(vm))

    async def console(self, vm: VMLike, *, columns: int = 80, rows: int = 24) -> AsyncConsole:
        """The VM's terminal, connected. Needs the package `websockets`."""
        return await open_console(self._config, await self._vms.console_token(id_of(vm)), columns, rows)

    async def _started(self, body: "Dict[str, Any]", timeout: float) -> VM:
        patience = Patience(POLL_SECONDS, timeout, shortest=POLL_SECONDS)
        options = CallOptions(timeout=timeout)
        return await self._running(
            await self._http.call(routes.LAUNCH_VM, body=body, options=options, once=True), patience
        )

    async def _running(self, vm: models.VM, patience: Patience) -> VM:
        while not is_running(vm):
            pause = patience.pause()
            if pause is None:
                raise not_ready(vm, patience)
            await sleep(pause)
            vm = await self._vms.retrieve(vm)
        return flat_vm(vm)


def new_name() -> str:
    return str(uuid.uuid4())


def flat_vm(vm: models.VM) -> VM:
    return VM.from_dict(vm.to_dict())


def flat_snapshot(snapshot: models.Snapshot) -> Snapshot:
    return Snapshot.from_dict(snapshot.to_dict())


def flat_result(result: models.ExecVMResponse) -> CommandResult:
    return CommandResult(
        exit_code=result.exit_code,
        stdout=result.stdout,
        stderr=result.stderr,
        timed_out=result.timed_out,
        stdout_truncated=result.stdout_truncated,
        stderr_truncated=result.stderr_truncated,
        duration_ms=result.duration_ms,
    )
