# Made by tools/unasync.py from _async/file_watch.py; not to be edited.
"""What happens in a folder of a VM, as it happens."""

from __future__ import annotations

from types import TracebackType
from typing import Generator, Iterator, Optional, Type

import httpx

from .._errors import APIConnectionError, error_of_broken_call
from .._generated.models import FileEvent
from .._watch import checked_event
from .._lines import LineReader


class FileWatch:
    """
    Iterate over it once. Leave its `with`, or close it, to end the watch. Raises WatchEndedError when the folder or the
    VM is gone.
    """

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._events = read_events(response)

    def __iter__(self) -> Iterator[FileEvent]:
        return self

    def __next__(self) -> FileEvent:
        return self._events.__next__()

    def close(self) -> None:
        self._events.close()
        # One of which nothing was read has not come to its end.
        self._response.close()

    def __enter__(self) -> "FileWatch":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


def read_events(response: httpx.Response) -> Generator[FileEvent, None, None]:
    reader = LineReader()
    try:
        for chunk in response.iter_bytes():
            for line in reader.feed(chunk):
                yield checked_event(line)
    except (httpx.HTTPError, httpx.StreamError, OSError) as cause:
        raise error_of_broken_call(cause) from cause
    finally:
        response.close()
    raise APIConnectionError("The watch ended without a reason")
