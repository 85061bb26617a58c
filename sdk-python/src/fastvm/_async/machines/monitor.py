"""`machine.monitor`: its record and its guest's figures as they change, over whatever connections that takes."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import AsyncIterator, Optional, Type

from ..._config import Config
from ..._machines.errors import MachineConnectionError
from ..._machines.events import parsed
from ..._machines.monitor import MonitorEvent, monitor_event, subscription
from ..._machines.sessions import GIVE_UP_SECONDS, SessionPlace
from ..blocking import sleep
from .socket import AsyncSocket, open_socket


class AsyncMonitor:
    """Iterate over it; it does not end by itself: leave the loop, its `with`, or close it."""

    def __init__(self, config: Config, machine_id: str, interval_ms: Optional[int], include_processes: bool) -> None:
        self._config = config
        self._first = json.dumps(subscription(machine_id, interval_ms, include_processes))
        self._pauses = SessionPlace({"type": "monitor_subscribe"})
        self._socket: Optional[AsyncSocket] = None
        self._heard_at = time.monotonic()
        self._is_closed = False

    def __aiter__(self) -> AsyncIterator[MonitorEvent]:
        return self

    async def __anext__(self) -> MonitorEvent:
        while not self._is_closed:
            socket = self._socket or await self._connected()
            text = None if socket is None else await socket.receive()
            if text is None:
                await self._cut_off()
                continue
            self._heard_at = time.monotonic()
            event = monitor_event(parsed(text))
            if event is not None:
                return event
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._is_closed = True
        await self._drop()

    async def __aenter__(self) -> "AsyncMonitor":
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.aclose()

    async def _connected(self) -> Optional[AsyncSocket]:
        try:
            self._socket = await open_socket(self._config, "/v1/monitor/ws", {})
            await self._socket.send(self._first)
        except MachineConnectionError:
            if time.monotonic() - self._heard_at > GIVE_UP_SECONDS:
                raise
            return None
        # It was closed meanwhile.
        if self._is_closed:
            await self._drop()
        return self._socket

    async def _cut_off(self) -> None:
        await self._drop()
        if not self._is_closed:
            await sleep(self._pauses.pause())

    async def _drop(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.aclose()
