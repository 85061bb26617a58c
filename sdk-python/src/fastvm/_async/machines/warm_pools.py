"""Warm pools: machines of a template that run before they are asked for."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Dict, List, Optional, Type

from ..._machines import warm_pool_routes as routes
from ..._machines.config import read_machine_config
from ..._machines.errors import TimeoutError
from ..._machines.warm_pool_models import WarmPoolInfo
from ..._model import from_wire
from ..._options import present
from ..._route import Route
from ..blocking import sleep
from .connection import AsyncConnection

#: Between two looks.
POLL_SECONDS = 0.25


class AsyncWarmPool:
    """
    A pool, whose machines come from `Machine.create(warm_pool=pool.id)`. As a context it lets go of the connection, and leaves
    the pool alone.
    """

    def __init__(self, connection: AsyncConnection, info: WarmPoolInfo) -> None:
        self._connection = connection
        self.id = info.id
        #: As the last call had it; `refresh` asks.
        self.info = info

    @classmethod
    async def create(
        cls,
        name: str,
        template_ref: Optional[str] = None,
        *,
        min_ready: int,
        max_ready: Optional[int] = None,
        vcpus: Optional[int] = None,
        memory_mb: Optional[int] = None,
        disk_mb: Optional[int] = None,
        checkout_policy: Optional[str] = None,
        version_policy: Optional[str] = None,
        stale_after_seconds: Optional[int] = None,
        labels: Optional[Dict[str, str]] = None,
        metadata: Optional[Dict[str, str]] = None,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
    ) -> "AsyncWarmPool":
        """It is filled from now on; `wait_until_ready` returns when it is. Default of `template_ref`: `base`."""
        resources = present(vcpus=vcpus, memory_mb=memory_mb, disk_mb=disk_mb)
        body = present(
            name=name,
            template_ref=template_ref,
            resources=resources or None,
            min_ready=min_ready,
            max_ready=max_ready,
            checkout_policy=checkout_policy,
            version_policy=version_policy,
            stale_after_seconds=stale_after_seconds,
            labels=labels,
            metadata=metadata,
        )
        connection = AsyncConnection(read_machine_config(api_key, base_url))
        try:
            return cls(connection, await connection.call(routes.CREATE, body=body, once=True))
        except BaseException:
            await connection.aclose()
            raise

    @classmethod
    async def get(cls, id: str, *, api_key: Optional[str] = None, base_url: Optional[str] = None) -> "AsyncWarmPool":
        connection = AsyncConnection(read_machine_config(api_key, base_url))
        try:
            return cls(connection, await connection.call(routes.GET, id))
        except BaseException:
            await connection.aclose()
            raise

    @classmethod
    async def list(cls, *, api_key: Optional[str] = None, base_url: Optional[str] = None) -> List[WarmPoolInfo]:
        """Oldest first."""
        async with AsyncConnection(read_machine_config(api_key, base_url)) as connection:
            answer = await connection.call(routes.LIST)
        found: List[WarmPoolInfo] = from_wire(routes.WARM_POOLS, answer["warm_pools"])
        return found

    async def refresh(self) -> WarmPoolInfo:
        self.info = await self._connection.call(routes.GET, self.id)
        return self.info

    async def update(
        self,
        *,
        name: Optional[str] = None,
        min_ready: Optional[int] = None,
        max_ready: Optional[int] = None,
        checkout_policy: Optional[str] = None,
        version_policy: Optional[str] = None,
        stale_after_seconds: Optional[int] = None,
        labels: Optional[Dict[str, str]] = None,
        metadata: Optional[Dict[str, str]] = None,
    ) -> WarmPoolInfo:
        """What is not named stays."""
        body = present(
            name=name,
            min_ready=min_ready,
            max_ready=max_ready,
            checkout_policy=checkout_policy,
            version_policy=version_policy,
            stale_after_seconds=stale_after_seconds,
            labels=labels,
            metadata=metadata,
        )
        return await self._order(routes.UPDATE, body)

    async def enable(self) -> WarmPoolInfo:
        """It is filled and gives out what is ready; ends `disable` and `drain`."""
        return await self._order(routes.ENABLE, {})

    async def disable(self) -> WarmPoolInfo:
        """It is not filled and gives out nothing; what is ready stays."""
        return await self._order(routes.DISABLE, {})

    async def drain(self) -> WarmPoolInfo:
        """What is ready is ended."""
        return await self._order(routes.DRAIN, {})

    async def reconcile(self) -> WarmPoolInfo:
        """The server looks now at what the pool has, instead of within seconds."""
        return await self._order(routes.RECONCILE, {})

    async def wait_until_ready(self, min_ready: Optional[int] = None, *, timeout: float = 300.0) -> WarmPoolInfo:
        """
        Returns when so many are ready, by default all that it keeps. After `timeout` seconds it raises a TimeoutError, which says
        what keeps the pool from being full.
        """
        deadline = time.monotonic() + timeout
        while True:
            info = await self.refresh()
            wanted = info.min_ready if min_ready is None else min_ready
            if info.counts.ready >= wanted:
                return info
            left = deadline - time.monotonic()
            if left <= 0:
                why = "".join(f"; {each.code}" + (f": {each.message}" if each.message else "") for each in info.conditions)
                message = f"{info.counts.ready} of {wanted} are ready after {timeout:g} s{why}"
                raise TimeoutError(message, code="timeout", retryable=True)
            await sleep(min(POLL_SECONDS, left))

    async def delete(self) -> None:
        """With what is ready in it; machines that came out of it stay."""
        await self._connection.call(routes.DELETE, self.id)

    async def aclose(self) -> None:
        await self._connection.aclose()

    async def __aenter__(self) -> "AsyncWarmPool":
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.aclose()

    async def _order(self, route: "Route[WarmPoolInfo]", body: Dict[str, Any]) -> WarmPoolInfo:
        self.info = await self._connection.call(route, self.id, body=body)
        return self.info
