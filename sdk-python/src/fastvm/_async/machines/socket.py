"""A WebSocket to the API of machines. Written twice: Debian's `websockets` has a client for asyncio alone."""

from __future__ import annotations

import asyncio
from typing import Any, Mapping, Optional
from urllib.parse import urlencode

from ..._config import Config
from ..._errors import FastvmError
from ..._machines.errors import refused, unreachable

# The server's messages are far smaller; more means that the other end is none.
MAX_MESSAGE_BYTES = 32 * 2**20
# A server that takes longer to connect is as good as down.
CONNECT_SECONDS = 15.0


class AsyncSocket:
    def __init__(self, socket: Any) -> None:
        self._socket = socket

    async def send(self, text: str) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._socket.send(text)
        except ConnectionClosed as cause:
            raise unreachable(cause) from cause

    async def receive(self, seconds: Optional[float] = None) -> Optional[str]:
        """The next message; None when there is none any more. Raises asyncio's TimeoutError after `seconds`."""
        from websockets.exceptions import ConnectionClosed

        try:
            message = await asyncio.wait_for(self._socket.recv(), seconds)
        except ConnectionClosed:
            return None
        return message if isinstance(message, str) else bytes(message).decode(errors="replace")

    async def aclose(self) -> None:
        await self._socket.close()


async def open_socket(config: Config, path: str, query: Mapping[str, str]) -> AsyncSocket:
    """Raises a MachineConnectionError where nobody answers, and another MachineError where the answer is no."""
    try:
        # Loaded when it is needed: all but sockets works without it.
        from websockets.client import connect
        from websockets.exceptions import WebSocketException
    except ImportError as cause:
        raise FastvmError("Streams need the package websockets: pip install 'fastvm[machines]'") from cause
    suffix = f"?{urlencode(query)}" if query else ""
    url = "ws" + config.base_url[len("http") :] + path + suffix
    headers = {**config.headers, **config.credentials}
    try:
        socket = await connect(url, extra_headers=headers, max_size=MAX_MESSAGE_BYTES, open_timeout=CONNECT_SECONDS)
    except (OSError, WebSocketException, asyncio.TimeoutError) as cause:
        status = status_of(cause)
        if status is None or status >= 500:
            raise unreachable(cause) from cause
        raise refused(status, path) from cause
    return AsyncSocket(socket)


def status_of(cause: BaseException) -> Optional[int]:
    """Of an answer that was no upgrade; newer versions of the package have it one step further in."""
    found = getattr(cause, "status_code", None) or getattr(getattr(cause, "response", None), "status_code", None)
    return found if isinstance(found, int) else None


