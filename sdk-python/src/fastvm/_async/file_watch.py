"""What happens in a folder of a VM, as it happens."""

from __future__ import annotations

from types import TracebackType
from typing import AsyncGenerator, AsyncIterator, Optional, Type

import httpx

from .._errors import APIConnectionError, error_of_broken_call
from .._generated.models import FileEvent
from .._watch import checked_event
from .._lines import LineReader


class AsyncFileWatch:
    """
    Iterate over it once. Leave its `with`, or close it, to end the watch. Raises WatchEndedError when the folder or the
    VM is gone.
    """

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._events = read_events(response)

    def __aiter__(self) -> AsyncIterator[FileEvent]:
        return self

    async def __anext__(self) -> FileEvent:
        return await self._events.__anext__()

    async def aclose(self) -> None:
        await self._events.aclose()
        # One of which nothing was read has not come to its end.
        await self._response.aclose()

    async def __aenter__(self) -> "AsyncFileWatch":
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.aclose()


async def read_events(response: httpx.Response) -> AsyncGenerator[FileEvent, None]:
    reader = LineReader()
    try:
        async for chunk in response.aiter_bytes():
            for line in reader.feed(chunk):
                yield checked_event(line)
    except (httpx.HTTPError, httpx.StreamError, OSError) as cause:
        raise error_of_broken_call(cause) from cause
    finally:
        await response.aclose()
    raise APIConnectionError("The watch ended without a reason")
