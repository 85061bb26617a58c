"""
Both clients behind one face, so that each test is written once: the one for asyncio is driven from a loop in a thread.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from types import TracebackType
from typing import Any, Callable, Dict, Iterator, Optional, Type

from fastvm import AsyncConsole, AsyncFastvmClient, FastvmClient

KINDS = ("threads", "asyncio")


class Loop:
    """An event loop that runs in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def wait(self, awaitable: Any) -> Any:
        return self.call(lambda: awaitable)

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """On the loop's own thread, where alone tasks can be made."""

        async def whole() -> Any:
            value = function(*args, **kwargs)
            return await value if inspect.isawaitable(value) else value

        return asyncio.run_coroutine_threadsafe(whole(), self.loop).result()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Blocking:
    """An object of the client for asyncio; its calls wait."""

    def __init__(self, target: Any, loop: Loop) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        # Where only the name differs.
        value = getattr(self._target, {"close": "aclose"}.get(name, name))
        if inspect.isroutine(value):
            return lambda *args, **kwargs: self._wrapped(self._loop.call(value, *args, **kwargs))
        return Blocking(value, self._loop) if type(value).__module__.startswith("fastvm._async") else value

    def __iter__(self) -> Iterator[Any]:
        iterator = self._target.__aiter__()
        while True:
            try:
                yield self._loop.wait(iterator.__anext__())
            except StopAsyncIteration:
                return

    def __next__(self) -> Any:
        return self._loop.wait(self._target.__anext__())

    def __enter__(self) -> "Blocking":
        if hasattr(self._target, "__aenter__"):
            self._loop.wait(self._target.__aenter__())
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if hasattr(self._target, "__aexit__"):
            self._loop.wait(self._target.__aexit__(kind, error, trace))
        else:
            self.close()

    def _wrapped(self, value: Any) -> Any:
        is_ours = type(value).__module__.startswith("fastvm._async.machines")
        is_to_wait = is_ours or isinstance(value, AsyncConsole) or hasattr(value, "__aiter__")
        return Blocking(value, self._loop) if is_to_wait else value


def make_client(kind: str, loop: Loop, **options: Any) -> Any:
    settings: Dict[str, Any] = {"api_key": "My API Key", **options}
    return FastvmClient(**settings) if kind == "threads" else Blocking(AsyncFastvmClient(**settings), loop)
