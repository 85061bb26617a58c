# Made by tools/unasync.py from _async/machines/monitor.py; not to be edited.
"""`machine.monitor`: its record and its guest's figures as they change, over whatever connections that takes."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Iterator, Optional, Type

from ..._config import Config
from ..._machines.errors import MachineConnectionError
from ..._machines.events import parsed
from ..._machines.monitor import MonitorEvent, monitor_event, subscription
from ..._machines.sessions import GIVE_UP_SECONDS, SessionPlace
from ..blocking import sleep
from .socket import Socket, open_socket


class Monitor:
    """Iterate over it; it does not end by itself: leave the loop, its `with`, or close it."""

    def __init__(self, config: Config, machine_id: str, interval_ms: Optional[int], include_processes: bool) -> None:
        self._config = config
        self._first = json.dumps(subscription(machine_id, interval_ms, include_processes))
        self._pauses = SessionPlace({"type": "monitor_subscribe"})
        self._socket: Optional[Socket] = None
        self._heard_at = time.monotonic()
        self._is_closed = False

    def __iter__(self) -> Iterator[MonitorEvent]:
        return self

    def __next__(self) -> MonitorEvent:
        while not self._is_closed:
            socket = self._socket or self._connected()
            text = None if socket is None else socket.receive()
            if text is None:
                self._cut_off()
                continue
            self._heard_at = time.monotonic()
            event = monitor_event(parsed(text))
            if event is not None:
                return event
        raise StopIteration

    def close(self) -> None:
        self._is_closed = True
        self._drop()

    def __enter__(self) -> "Monitor":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def _connected(self) -> Optional[Socket]:
        try:
            self._socket = open_socket(self._config, "/v1/monitor/ws", {})
            self._socket.send(self._first)
        except MachineConnectionError:
            if time.monotonic() - self._heard_at > GIVE_UP_SECONDS:
                raise
            return None
        # It was closed meanwhile.
        if self._is_closed:
            self._drop()
        return self._socket

    def _cut_off(self) -> None:
        self._drop()
        if not self._is_closed:
            sleep(self._pauses.pause())

    def _drop(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close()
