# Made by tools/unasync.py from _async/machines/events.py; not to be edited.
"""Lifecycle events as they happen, over whatever connections it takes."""

from __future__ import annotations

import time
from typing import Callable, Iterator, Optional, Type
from types import TracebackType

from ..._config import Config
from ..._machines.errors import MachineConnectionError
from ..._machines.events import GIVE_UP_SECONDS, EventId, StreamPlace
from ..._machines.models import LifecycleEvent
from ..blocking import sleep
from .socket import Socket, open_socket


class EventStream:
    """
    Iterate over it for events, each once and in order, also where the server is restarted in between. It does not end by
    itself: leave the loop, its `with`, or close it. Raises a MachineConnectionError when no server was to be reached for
    five minutes, and an EventGapError when events that were missed are no longer kept.
    """

    def __init__(
        self,
        config: Config,
        path: str,
        place: StreamPlace,
        newest: Callable[[], EventId],
        give_up_seconds: float = GIVE_UP_SECONDS,
    ) -> None:
        self._config = config
        self._path = path
        self._place = place
        self._newest = newest
        self._give_up_seconds = give_up_seconds
        self._socket: Optional[Socket] = None
        self._heard_at = time.monotonic()
        self._is_closed = False

    @property
    def last_event_id(self) -> Optional[str]:
        """Of the last event that was handed out: where another stream can go on."""
        return self._place.last_event_id

    def __iter__(self) -> Iterator[LifecycleEvent]:
        return self

    def __next__(self) -> LifecycleEvent:
        if self._place.wants_newest:
            self._place.begin_after(self._newest())
        while not self._is_closed:
            socket = self._socket or self._connected()
            text = None if socket is None else socket.receive()
            if text is None:
                self._cut_off()
                continue
            self._heard_at = time.monotonic()
            event = self._place.take(text)
            if event is not None:
                return event
        raise StopIteration

    def close(self) -> None:
        self._is_closed = True
        self._drop()

    def __enter__(self) -> "EventStream":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def _connected(self) -> Optional[Socket]:
        try:
            socket = open_socket(self._config, self._path, self._place.query())
        except MachineConnectionError:
            if time.monotonic() - self._heard_at > self._give_up_seconds:
                raise
            return None
        self._socket = socket
        # It was closed meanwhile.
        if self._is_closed:
            self._drop()
        return self._socket

    def _cut_off(self) -> None:
        self._drop()
        if not self._is_closed:
            sleep(self._place.pause())

    def _drop(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close()


