"""A VM's terminal, over a WebSocket. Written twice: Debian's `websockets` has a client for asyncio alone."""

from __future__ import annotations

from types import TracebackType
from typing import Any, AsyncIterator, Optional, Type, Union

from .._config import Config
from .._console import CONNECT_SECONDS, MAX_MESSAGE_BYTES, console_url, keys_message, resize_message
from .._errors import APIConnectionError, FastvmError, describe
from .._generated.models import ConsoleTokenResponse


class AsyncConsole:
    """Iterate over it for what the terminal shows, as it comes."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    async def send(self, keys: Union[str, bytes]) -> None:
        """As typed: `\\r` is the return key, `\\x03` Ctrl-C."""
        await self._sent(keys_message(keys))

    async def resize(self, columns: int, rows: int) -> None:
        await self._sent(resize_message(columns, rows))

    async def receive(self) -> bytes:
        """What comes next; empty when the console has ended."""
        from websockets.exceptions import ConnectionClosed

        try:
            message = await self._socket.recv()
        except ConnectionClosed:
            return b""
        return message.encode() if isinstance(message, str) else bytes(message)

    async def aclose(self) -> None:
        await self._socket.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            data = await self.receive()
            if not data:
                return
            yield data

    async def __aenter__(self) -> "AsyncConsole":
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.aclose()

    async def _sent(self, text: str) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._socket.send(text)
        except ConnectionClosed as cause:
            raise APIConnectionError(f"The console has ended: {describe(cause)}") from cause


async def open_console(config: Config, token: ConsoleTokenResponse, columns: int, rows: int) -> AsyncConsole:
    try:
        # Loaded when it is needed: all but the console works without it.
        from websockets.client import connect
        from websockets.exceptions import WebSocketException
    except ImportError as cause:
        raise FastvmError("The console needs the package websockets: pip install 'fastvm[console]'") from cause
    try:
        socket = await connect(console_url(config, token), max_size=MAX_MESSAGE_BYTES, open_timeout=CONNECT_SECONDS)
    except (OSError, WebSocketException) as cause:
        raise APIConnectionError(f"The console cannot be reached: {describe(cause)}") from cause
    console = AsyncConsole(socket)
    await console.resize(columns, rows)
    return console
