# Made by tools/unasync.py from _async/exec_stream.py; not to be edited.
"""
A running command's output as it comes. Reading is what moves it on: a reader that waits makes the command wait, and one
that closes the stream, or leaves its `with`, kills the command.
"""

from __future__ import annotations

from types import TracebackType
from typing import Callable, Generator, Iterator, Optional, Type

import httpx

from .._errors import APIConnectionError, error_of_broken_call
from .._exec import EventReader, ExecEvent


class ExecStream:
    """Iterate over it once. The command starts at the first read."""

    def __init__(self, opens: Callable[[], httpx.Response]) -> None:
        # It must not know of this object: a loop that is left drops both at once, and with them the connection.
        self._events = read_events(opens)

    def __iter__(self) -> Iterator[ExecEvent]:
        return self

    def __next__(self) -> ExecEvent:
        return self._events.__next__()

    def close(self) -> None:
        """Ends the command if it still runs."""
        self._events.close()

    def __enter__(self) -> "ExecStream":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


def read_events(opens: Callable[[], httpx.Response]) -> Generator[ExecEvent, None, None]:
    response = opens()
    reader = EventReader()
    is_complete = False
    try:
        # Reading goes on to the body's end, which is near after the exit, so that the connection can be used again.
        for chunk in response.iter_bytes():
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
        response.close()
    if not is_complete:
        raise APIConnectionError("The stream ended before the command did")
