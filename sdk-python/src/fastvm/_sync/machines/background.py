"""What goes on beside the caller: as threads here, as tasks there. Written twice."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Callable, Optional, Type

from ..._machines.errors import MachineError, NotFoundError
from ..._machines.models import LifecycleEvent, MachineLease
from .events import EventStream


class Subscription:
    """Hands each event to `on_event` until it is stopped. An error that ends it goes to `on_error`."""

    def __init__(
        self,
        stream: EventStream,
        on_event: Callable[[LifecycleEvent], Any],
        on_error: Optional[Callable[[Exception], Any]],
    ) -> None:
        self._stream = stream
        self._on_event = on_event
        self._on_error = on_error
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """What is being handed over is handed over; nothing comes afterwards."""
        self._stream.close()
        # A callback may stop the subscription that calls it.
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        try:
            for event in self._stream:
                self._on_event(event)
        except Exception as error:
            if self._on_error is not None:
                self._on_error(error)


class Keepalive:
    """Begins a machine's timeout anew at once, and then again and again until its block is left."""

    def __init__(self, refresh: Callable[[], MachineLease], every: float) -> None:
        self._refresh = refresh
        self._every = every
        self._is_over = threading.Event()
        self._thread: Optional[threading.Thread] = None
        #: What the last refresh said.
        self.lease: Optional[MachineLease] = None
        #: Of the last refresh that failed; the next may succeed.
        self.error: Optional[MachineError] = None

    def __enter__(self) -> "Keepalive":
        self.lease = self._refresh()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not isinstance(self.error, NotFoundError):
            if self._is_over.wait(self._every):
                return
            try:
                self.lease = self._refresh()
            except MachineError as failure:
                self.error = failure
