"""A machine: how it is made, found and ended, and what is reached through it."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Dict, List, Mapping, Optional, Sequence, Type, Union

from ..._config import VM_WORK_SECONDS
from ..._machines import routes
from ..._machines.config import read_machine_config
from ..._machines.egress import EgressInput, egress_body
from ..._machines.errors import MachineError, NotFoundError, TimeoutError, machine_error
from ..._machines.events import StreamPlace
from ..._machines.models import (
    CommandResult,
    Egress,
    LifecycleEventList,
    MachineInfo,
    MachineLease,
    MachineSnapshot,
    Page,
    SshAccess,
)
from ..._machines.orders import DEFAULT_WAIT_SECONDS, POLL_SECONDS, create_body, milliseconds
from ..._machines.queries import lifecycle_query, list_query, page_of, stream_filters
from ..._model import from_wire
from ..._options import present
from ..blocking import sleep
from .background import AsyncKeepalive, AsyncSubscription
from .commands import AsyncCommands
from .connection import AsyncConnection, new_key
from .events import AsyncEventStream
from .files import AsyncMachineFiles
from .git import AsyncGit
from .monitor import AsyncMonitor
from .previews import AsyncPreviews
from .volumes import AsyncMachineVolumes
from .sessions import AsyncPtys

SnapshotRef = Union[str, MachineSnapshot]


class AsyncMachine(AsyncPreviews):
    """
    A handle of a machine. As a context it destroys the machine at the end of its block; `close` lets go of it and leaves
    it alone. `api_key` and `base_url` default to the environment's NULLSPACE_API_KEY and NULLSPACE_API_URL.
    """

    def __init__(self, connection: AsyncConnection, info: MachineInfo) -> None:
        super().__init__(connection, info.id)
        #: As it was when the handle was made; `get_info` asks.
        self.info = info
        self.commands = AsyncCommands(connection, info.id)
        self.files = AsyncMachineFiles(connection, info.id)
        self.git = AsyncGit(self.commands)
        self.volumes = AsyncMachineVolumes(connection, info.id)
        self.pty = AsyncPtys(connection, info.id)

    @property
    def traffic_access_token(self) -> Optional[str]:
        """Of a machine whose ports are private; None for one that was not made by this handle."""
        return self.info.traffic_access_token

    @classmethod
    async def create(
        cls,
        template: Optional[str] = None,
        *,
        snapshot_id: Optional[str] = None,
        vcpus: Optional[int] = None,
        memory_mb: Optional[int] = None,
        disk_mb: Optional[int] = None,
        timeout: Optional[float] = None,
        on_timeout: Optional[str] = None,
        timeout_action: Optional[str] = None,
        inactivity_timeout_ms: Optional[int] = None,
        auto_delete_after_ms: Optional[int] = None,
        ephemeral: Optional[bool] = None,
        auto_resume: Optional[bool] = None,
        envs: Optional[Mapping[str, str]] = None,
        metadata: Optional[Mapping[str, str]] = None,
        cwd: Optional[str] = None,
        internet_access: Optional[bool] = None,
        network: Optional[Mapping[str, Any]] = None,
        volumes: Optional[Sequence[Mapping[str, Any]]] = None,
        warm_pool: Optional[str] = None,
        warm_pool_mode: Optional[str] = None,
        warm_pool_wait_ms: Optional[int] = None,
        idempotency_key: Optional[str] = None,
        wait_seconds: float = DEFAULT_WAIT_SECONDS,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
    ) -> "AsyncMachine":
        """
        Makes a machine of a template or a reusable snapshot, and returns when it runs. `timeout` is in seconds; then the
        machine is destroyed, or with `on_timeout="pause"` paused. With `auto_resume` requests to its ports wake it. The
        same `idempotency_key` gives the same machine. Raises a MachineError with the API's code.
        """
        body = create_body(
            template=template,
            snapshot_id=snapshot_id,
            vcpus=vcpus,
            memory_mb=memory_mb,
            disk_mb=disk_mb,
            timeout=timeout,
            on_timeout=on_timeout,
            timeout_action=timeout_action,
            inactivity_timeout_ms=inactivity_timeout_ms,
            auto_delete_after_ms=auto_delete_after_ms,
            ephemeral=ephemeral,
            auto_resume=auto_resume,
            envs=envs,
            metadata=metadata,
            cwd=cwd,
            internet_access=internet_access,
            network=network,
            volumes=volumes,
            warm_pool=warm_pool,
            warm_pool_mode=warm_pool_mode,
            warm_pool_wait_ms=warm_pool_wait_ms,
        )
        key = idempotency_key or new_key()
        connection = connect_to(api_key, base_url)
        try:
            made = await connection.call(routes.CREATE_MACHINE, body=body, key=key, seconds=VM_WORK_SECONDS)
            return await cls._running(connection, made, wait_seconds)
        except BaseException:
            await connection.aclose()
            raise

    @classmethod
    async def connect(
        cls,
        id: str,
        *,
        wait_seconds: float = DEFAULT_WAIT_SECONDS,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
    ) -> "AsyncMachine":
        """A handle of a machine that runs. One that is paused is resumed, and goes on under an id of its own."""
        connection = connect_to(api_key, base_url)
        try:
            info = await connection.call(routes.GET_MACHINE, id)
            if info.status == "paused":
                info = await connection.call(routes.RESUME, id, body={}, key=new_key(), seconds=VM_WORK_SECONDS)
            return await cls._running(connection, info, wait_seconds)
        except BaseException:
            await connection.aclose()
            raise

    @classmethod
    async def resume(
        cls,
        snapshot: SnapshotRef,
        *,
        wait_seconds: float = DEFAULT_WAIT_SECONDS,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
    ) -> "AsyncMachine":
        """A paused machine goes on under an id of its own. By the snapshot of its pause, or by an id that it had."""
        connection = connect_to(api_key, base_url)
        id = snapshot if isinstance(snapshot, str) else snapshot.id
        try:
            info = await connection.call(routes.RESUME, id, body={}, key=new_key(), seconds=VM_WORK_SECONDS)
            return await cls._running(connection, info, wait_seconds)
        except BaseException:
            await connection.aclose()
            raise

    @classmethod
    async def list(
        cls,
        *,
        state: Union[str, Sequence[str], None] = None,
        template: Optional[str] = None,
        metadata: Optional[Mapping[str, str]] = None,
        limit: Optional[int] = None,
        next_token: Optional[str] = None,
        fields: Optional[Sequence[str]] = None,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
    ) -> "Page[Any]":
        """
        Machines, newest first: all of them, or with any parameter a page, whose `next_token` leads on. With `fields` each
        is a plain dictionary of these, and a MachineInfo otherwise. Wakes nothing.
        """
        query = list_query(state=state, template=template, metadata=metadata, limit=limit, next_token=next_token, fields=fields)
        async with connect_to(api_key, base_url) as connection:
            return page_of(await connection.call(routes.LIST_MACHINES, query=query), is_masked=fields is not None)

    @classmethod
    async def get_info_by_id(
        cls,
        id: str,
        *,
        fields: Optional[Sequence[str]] = None,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
    ) -> Any:
        """A MachineInfo, or with `fields` a plain dictionary of these. Wakes nothing."""
        async with connect_to(api_key, base_url) as connection:
            return await read_info(connection, id, fields)

    @classmethod
    async def run_once(
        cls,
        command: str,
        args: Optional[Sequence[str]] = None,
        *,
        shell: bool = False,
        cwd: Optional[str] = None,
        timeout: Optional[float] = None,
        template: Optional[str] = None,
        snapshot_id: Optional[str] = None,
        vcpus: Optional[int] = None,
        memory_mb: Optional[int] = None,
        disk_mb: Optional[int] = None,
        envs: Optional[Mapping[str, str]] = None,
        metadata: Optional[Mapping[str, str]] = None,
        internet_access: Optional[bool] = None,
        network: Optional[Mapping[str, Any]] = None,
        volumes: Optional[Sequence[Mapping[str, Any]]] = None,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
    ) -> CommandResult:
        """
        A machine for one command: it is made, runs it, and is destroyed, whatever came of it. `timeout` is the command's,
        in seconds.
        """
        machine = await cls.create(
            template,
            snapshot_id=snapshot_id,
            vcpus=vcpus,
            memory_mb=memory_mb,
            disk_mb=disk_mb,
            # Should this program end before it has destroyed the machine.
            timeout=None if timeout is None else timeout + VM_WORK_SECONDS,
            envs=envs,
            metadata=metadata,
            internet_access=internet_access,
            network=network,
            volumes=volumes,
            api_key=api_key,
            base_url=base_url,
        )
        async with machine:
            return await machine.commands.run(command, args, shell=shell, cwd=cwd, timeout=timeout)

    @classmethod
    async def list_snapshots(
        cls, *, machine_id: Optional[str] = None, api_key: Optional[str] = None, base_url: Optional[str] = None
    ) -> List[MachineSnapshot]:
        """Reusable ones, newest first; with `machine_id` those of that machine."""
        async with connect_to(api_key, base_url) as connection:
            answer = await connection.call(routes.LIST_SNAPSHOTS, query=present(machine_id=machine_id))
        found: List[MachineSnapshot] = from_wire(routes.SNAPSHOTS, answer["snapshots"])
        return found

    @classmethod
    async def get_snapshot(cls, snapshot: SnapshotRef, *, api_key: Optional[str] = None, base_url: Optional[str] = None) -> MachineSnapshot:
        id = snapshot if isinstance(snapshot, str) else snapshot.id
        async with connect_to(api_key, base_url) as connection:
            return await connection.call(routes.GET_SNAPSHOT, id)

    @classmethod
    async def delete_snapshot(cls, snapshot: SnapshotRef, *, api_key: Optional[str] = None, base_url: Optional[str] = None) -> None:
        id = snapshot if isinstance(snapshot, str) else snapshot.id
        async with connect_to(api_key, base_url) as connection:
            await connection.call(routes.DELETE_SNAPSHOT, id)

    async def get_info(self, *, fields: Optional[Sequence[str]] = None) -> Any:
        """As `get_info_by_id`, of this one."""
        return await read_info(self._connection, self.id, fields)

    async def kill(self) -> None:
        """Destroys it. Fine for one that is gone. Its volumes and snapshots stay."""
        try:
            await self._connection.call(routes.DESTROY_MACHINE, self.id, seconds=VM_WORK_SECONDS)
        except NotFoundError:
            pass

    async def hibernate(self) -> MachineSnapshot:
        """Its memory goes to disk and it stops. `Machine.resume` of what is returned, or `Machine.connect`, goes on."""
        return await self._connection.call(routes.HIBERNATE, self.id, body={}, seconds=VM_WORK_SECONDS)

    async def pause(self) -> MachineSnapshot:
        """The same as `hibernate`."""
        return await self._connection.call(routes.PAUSE, self.id, body={}, seconds=VM_WORK_SECONDS)

    async def fork(self, *, idempotency_key: Optional[str] = None, wait_seconds: float = DEFAULT_WAIT_SECONDS) -> "AsyncMachine":
        """Another machine that goes on from where this one is: memory, processes, files. This one runs on."""
        key = idempotency_key or new_key()
        child = await self._connection.call(routes.FORK, self.id, body={}, key=key, seconds=VM_WORK_SECONDS)
        connection = AsyncConnection(self._connection.config)
        try:
            return await self._running(connection, child, wait_seconds)
        except BaseException:
            await connection.aclose()
            raise

    async def create_snapshot(self, *, idempotency_key: Optional[str] = None) -> MachineSnapshot:
        """A reusable one, for `Machine.create(snapshot_id=…)`. The machine runs on."""
        key = idempotency_key or new_key()
        return await self._connection.call(routes.CREATE_SNAPSHOT, self.id, body={}, key=key, seconds=VM_WORK_SECONDS)

    async def set_timeout(self, timeout: float, *, timeout_action: Optional[str] = None) -> MachineLease:
        """The timeout begins anew, with this length in seconds. `timeout_action`: `destroy` or `hibernate`; as it is."""
        body = present(timeout_ms=milliseconds(timeout), timeout_action=timeout_action)
        return await self._connection.call(routes.SET_TIMEOUT, self.id, body=body)

    def keepalive(
        self, timeout: float, *, refresh_every_secs: Optional[float] = None, timeout_action: Optional[str] = None
    ) -> AsyncKeepalive:
        """
        As a context: calls `set_timeout` at once and then again and again, by default at half of the time, so that the
        machine is there for as long as the block runs and `timeout` longer.
        """

        async def refresh() -> MachineLease:
            return await self.set_timeout(timeout, timeout_action=timeout_action)

        return AsyncKeepalive(refresh, refresh_every_secs or timeout / 2)

    async def update_egress(self, policy: EgressInput) -> Egress:
        """Returns when it is in force: the whole policy, in place of what there was."""
        return await self._connection.call(routes.SET_EGRESS, self.id, body={"egress": egress_body(policy)})

    async def create_ssh_access(self, public_key: str, *, ttl_seconds: Optional[int] = None) -> SshAccess:
        """Signs a public key for logins over SSH, for minutes. `ssh_unavailable`: no SSH server answers in the machine."""
        body = present(public_key=public_key, ttl_seconds=ttl_seconds)
        return await self._connection.call(routes.SSH_ACCESS, self.id, body=body)

    async def list_lifecycle(
        self,
        *,
        offset: Optional[int] = None,
        limit: Optional[int] = None,
        order: Optional[str] = None,
        operation: Optional[str] = None,
        status: Optional[str] = None,
        from_time: Optional[str] = None,
        to_time: Optional[str] = None,
        snapshot_id: Optional[str] = None,
    ) -> LifecycleEventList:
        """What happened to it and to snapshots of it, newest first unless `order` is `asc`. Also after its end."""
        query = lifecycle_query(
            offset=offset,
            limit=limit,
            order=order,
            operation=operation,
            status=status,
            from_time=from_time,
            to_time=to_time,
            snapshot_id=snapshot_id,
        )
        return await self._connection.call(routes.MACHINE_LIFECYCLE, self.id, query=query)

    async def get_metrics(self) -> List[Dict[str, Any]]:
        """Samples of processors, memory and disk, oldest first; bytes, percent, and `timestamp` as text."""
        answer = await self._connection.call(routes.METRICS, self.id)
        found: List[Dict[str, Any]] = answer["metrics"]
        return found

    def monitor(self, *, interval_ms: Optional[int] = None, include_processes: bool = False) -> AsyncMonitor:
        """
        Its record, and in each interval (500 to 10,000 ms, default 1000) its guest's figures. Looking does not keep it awake.
        """
        return AsyncMonitor(self._connection.config, self.id, interval_ms, include_processes)

    def stream_events(
        self,
        *,
        live_only: bool = False,
        after_event_id: Optional[str] = None,
        replay_limit: Optional[int] = None,
        snapshot_id: Optional[str] = None,
        operation: Optional[str] = None,
        status: Optional[str] = None,
    ) -> AsyncEventStream:
        """
        What happens to it, as it happens, after a replay of what did: all after `after_event_id`, or the newest
        `replay_limit` (100), or with `live_only` nothing. Each event comes once and in order, over whatever connections
        that takes. With a filter these alone.
        """
        filters = stream_filters(snapshot_id=snapshot_id, operation=operation, status=status)
        place = StreamPlace(
            after_event_id=after_event_id, live_only=live_only, replay_limit=replay_limit, filters=filters
        )

        async def newest() -> Optional[str]:
            found = await self.list_lifecycle(limit=1)
            return found.events[0].id if found.events else None

        return AsyncEventStream(self._connection.config, f"/v1/machines/{self.id}/lifecycle/ws", place, newest)

    def subscribe(
        self,
        on_event: Any,
        *,
        on_error: Any = None,
        live_only: bool = False,
        after_event_id: Optional[str] = None,
        replay_limit: Optional[int] = None,
        **filters: Any,
    ) -> AsyncSubscription:
        """The same, each event handed to `on_event` beside what the caller does, until `stop`."""
        stream = self.stream_events(
            live_only=live_only, after_event_id=after_event_id, replay_limit=replay_limit, **filters
        )
        return AsyncSubscription(stream, on_event, on_error)

    async def aclose(self) -> None:
        """Ends the handle's connections and leaves the machine alone."""
        await self._connection.aclose()

    async def __aenter__(self) -> "AsyncMachine":
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        try:
            await self.kill()
        finally:
            await self.aclose()

    @classmethod
    async def _running(cls, connection: AsyncConnection, info: MachineInfo, seconds: float) -> "AsyncMachine":
        deadline = time.monotonic() + seconds
        while info.status == "creating":
            if time.monotonic() > deadline:
                raise TimeoutError(f"Machine {info.id} does not run after {seconds:g} s", code="timeout", retryable=True)
            await sleep(POLL_SECONDS)
            # Its token is told once.
            token = info.traffic_access_token
            info = await connection.call(routes.GET_MACHINE, info.id)
            info.traffic_access_token = info.traffic_access_token or token
        if info.status == "running":
            return cls(connection, info)
        raise not_running(info)


def not_running(info: MachineInfo) -> MachineError:
    reason = f": {info.status_reason}" if info.status_reason else ""
    return machine_error("machine_not_ready", f"Machine {info.id} is {info.status}{reason}")


async def read_info(connection: AsyncConnection, id: str, fields: Optional[Sequence[str]]) -> Any:
    if fields is None:
        return await connection.call(routes.GET_MACHINE, id)
    masked: Dict[str, Any] = await connection.call(routes.GET_MACHINE_FIELDS, id, query={"fields": ",".join(fields)})
    return masked


def connect_to(api_key: Optional[str], base_url: Optional[str]) -> AsyncConnection:
    return AsyncConnection(read_machine_config(api_key, base_url))
