"""A WebSocket for threads: the one for asyncio, on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError
from typing import Any, Coroutine, Mapping, Optional, TypeVar

from ..._async.machines.socket import AsyncSocket
from ..._async.machines.socket import open_socket as open_async_socket
from ..._config import Config

T = TypeVar("T")


class Socket:
    def __init__(self, config: Config, path: str, query: Mapping[str, str]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        # One closes it while another still waits for a message.
        self._lock = threading.Lock()
        try:
            self._socket: AsyncSocket = self._wait(open_async_socket(config, path, query))
        except BaseException:
            self._end_loop()
            raise

    def send(self, text: str) -> None:
        self._wait(self._socket.send(text))

    def receive(self, seconds: Optional[float] = None) -> Optional[str]:
        """The next message; None when there is none any more. Raises asyncio's TimeoutError after `seconds`."""
        if self._loop.is_closed():
            return None
        try:
            return self._wait(self._socket.receive(seconds))
        except CancelledError:
            return None

    def close(self) -> None:
        with self._lock:
            if self._loop.is_closed():
                return
            try:
                self._wait(self._socket.aclose())
            finally:
                self._end_loop()

    def _wait(self, work: "Coroutine[Any, Any, T]") -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end_loop(self) -> None:
        async def cancel_all() -> None:
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._wait(cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def open_socket(config: Config, path: str, query: Mapping[str, str]) -> Socket:
    return Socket(config, path, query)
