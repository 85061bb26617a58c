"""
A running command's output as it comes. Reading is what moves it on: a reader that waits makes the command wait, and one
that closes the stream, or leaves its `with`, kills the command.
"""

from __future__ import annotations

from types import TracebackType
from typing import AsyncGenerator, AsyncIterator, Awaitable, Callable, Optional, Type

import httpx

from .._errors import APIConnectionError, error_of_broken_call
from .._exec import EventReader, ExecEvent


class AsyncExecStream:
    """Iterate over it once. The command starts at the first read."""

    def __init__(self, opens: Callable[[], Awaitable[httpx.Response]]) -> None:
        # It must not know of this object: a loop that is left drops both at once, and with them the connection.
        self._events = read_events(opens)

    def __aiter__(self) -> AsyncIterator[ExecEvent]:
        return self

    async def __anext__(self) -> ExecEvent:
        return await self._events.__anext__()

    async def aclose(self) -> None:
        """Ends the command if it still runs."""
        await self._events.aclose()

    async def __aenter__(self) -> "AsyncExecStream":
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.aclose()


async def read_events(opens: Callable[[], Awaitable[httpx.Response]]) -> AsyncGenerator[ExecEvent, None]:
    response = await opens()
    reader = EventReader()
    is_complete = False
    try:
        # Reading goes on to the body's end, which is near after the exit, so that the connection can be used again.
        async for chunk in response.aiter_bytes():
            for event in reader.feed(chunk):
                if not is_complete:
                    is_complete = event.type == "x"
                    yield event
        for event in reader.end():
            if not is_complete:
                is_complete = event.type == "x"
                yield event
    except (httpx.HTTPError, httpx.StreamError, OSError) as cause:
        raise error_of_broken_call(cause) from cause
    finally:
        await response.aclose()
    if not is_complete:
        raise APIConnectionError("The stream ended before the command did")
