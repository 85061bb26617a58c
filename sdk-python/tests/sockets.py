"""A WebSocket server that does as it is told, on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from types import TracebackType
from typing import Any, Awaitable, Callable, Optional, Type
from urllib.parse import parse_qsl, urlsplit

from both import Loop

# Given the socket and the query of its URL. When it returns the socket is closed.
SocketHandler = Callable[[Any, "dict[str, str]"], Awaitable[None]]


class SocketServer:
    def __init__(self, handler: SocketHandler, answer: Optional[Callable[[str], Any]] = None) -> None:
        """`answer` of a path: a status, headers and a body for what is no upgrade; None to go on."""
        self._loop = Loop()
        self._handler = handler
        self._answer = answer
        self.queries: "list[dict[str, str]]" = []
        self._server: Any = self._loop.wait(self._open())
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _open(self) -> Any:
        from websockets.server import serve

        async def handle(socket: Any) -> None:
            query = dict(parse_qsl(urlsplit(socket.path).query))
            self.queries.append(query)
            await self._handler(socket, query)

        async def before(path: str, headers: Any) -> Any:
            answer = self._answer(path) if self._answer else None
            return None if answer is None else (HTTPStatus(answer[0]), *answer[1:])

        return await serve(handle, "127.0.0.1", 0, process_request=before)

    def __enter__(self) -> "SocketServer":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        async def close() -> None:
            self._server.close()
            await asyncio.wait_for(self._server.wait_closed(), 20)

        self._loop.wait(close())
        self._loop.close()
