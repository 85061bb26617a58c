"""A VM's terminal for threads: the one for asyncio, on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Any, Coroutine, Iterator, Optional, Type, TypeVar, Union

from .._async.console import AsyncConsole
from .._async.console import open_console as open_async_console
from .._config import Config
from .._generated.models import ConsoleTokenResponse

T = TypeVar("T")


class Console:
    """Iterate over it for what the terminal shows, as it comes."""

    def __init__(self, config: Config, token: ConsoleTokenResponse, columns: int, rows: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self._console: AsyncConsole = self._wait(open_async_console(config, token, columns, rows))
        except BaseException:
            self._end_loop()
            raise

    def send(self, keys: Union[str, bytes]) -> None:
        """As typed: `\\r` is the return key, `\\x03` Ctrl-C."""
        self._wait(self._console.send(keys))

    def resize(self, columns: int, rows: int) -> None:
        self._wait(self._console.resize(columns, rows))

    def receive(self) -> bytes:
        """What comes next; empty when the console has ended."""
        return self._wait(self._console.receive())

    def close(self) -> None:
        if self._loop.is_closed():
            return
        try:
            self._wait(self._console.aclose())
        finally:
            self._end_loop()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            data = self.receive()
            if not data:
                return
            yield data

    def __enter__(self) -> "Console":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def _wait(self, work: "Coroutine[Any, Any, T]") -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def open_console(config: Config, token: ConsoleTokenResponse, columns: int, rows: int) -> Console:
    return Console(config, token, columns, rows)
