"""What goes on beside the caller: as tasks here, as threads there. Written twice."""

from __future__ import annotations

import asyncio
import inspect
from types import TracebackType
from typing import Any, Awaitable, Callable, Optional, Type

from ..._machines.errors import MachineError, NotFoundError
from ..._machines.models import LifecycleEvent, MachineLease
from .events import AsyncEventStream


class AsyncSubscription:
    """Hands each event to `on_event` until it is stopped. An error that ends it goes to `on_error`."""

    def __init__(
        self,
        stream: AsyncEventStream,
        on_event: Callable[[LifecycleEvent], Any],
        on_error: Optional[Callable[[Exception], Any]],
    ) -> None:
        self._stream = stream
        self._on_event = on_event
        self._on_error = on_error
        self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """What is being handed over is handed over; nothing comes afterwards."""
        await self._stream.aclose()
        await self._task

    async def _run(self) -> None:
        try:
            async for event in self._stream:
                await settled(self._on_event(event))
        except Exception as error:
            if self._on_error is not None:
                await settled(self._on_error(error))


async def settled(value: Any) -> None:
    """A callback may be a coroutine."""
    if inspect.isawaitable(value):
        await value


class AsyncKeepalive:
    """Begins a machine's timeout anew at once, and then again and again until its block is left."""

    def __init__(self, refresh: Callable[[], Awaitable[MachineLease]], every: float) -> None:
        self._refresh = refresh
        self._every = every
        self._task: "Optional[asyncio.Task[None]]" = None
        #: What the last refresh said.
        self.lease: Optional[MachineLease] = None
        #: Of the last refresh that failed; the next may succeed.
        self.error: Optional[MachineError] = None

    async def __aenter__(self) -> "AsyncKeepalive":
        self.lease = await self._refresh()
        self._task = asyncio.ensure_future(self._run())
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while not isinstance(self.error, NotFoundError):
            await asyncio.sleep(self._every)
            try:
                self.lease = await self._refresh()
            except MachineError as failure:
                self.error = failure
