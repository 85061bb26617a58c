"""How the output of a command in the background is put together, and how long a reader that was cut off waits."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ._exec import ExecEvent

OutputListener = Callable[[bytes], Any]

# Of one reader, in a row, without anything read between. With their pauses some 20 s: a daemon that is started anew is
# back by then.
MAX_RECONNECTS = 10
FIRST_PAUSE_SECONDS = 0.1
LAST_PAUSE_SECONDS = 3.0


def reconnect_pause(failures: int) -> Optional[float]:
    """None when it is time to give up."""
    if failures == MAX_RECONNECTS:
        return None
    return min(FIRST_PAUSE_SECONDS * 2.0**failures, LAST_PAUSE_SECONDS)


@dataclass(frozen=True)
class FinishedCommand:
    """A command in the background that has ended."""

    exit_code: int
    stdout: str
    stderr: str
    timed_out: bool
    duration_ms: int
    #: Output that the VM did not keep until it was read.
    lost_bytes: int


class OutputText:
    """Takes events one by one. Bytes that are not UTF-8 become U+FFFD."""

    def __init__(self, on_stdout: Optional[OutputListener], on_stderr: Optional[OutputListener]) -> None:
        self._listeners = {"o": on_stdout, "e": on_stderr}
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {"o": decoder("replace"), "e": decoder("replace")}
        self._text = {"o": "", "e": ""}
        self._lost_bytes = 0

    def take(self, event: ExecEvent) -> Optional[FinishedCommand]:
        """What it was, at the exit."""
        if event.type == "a":
            self._lost_bytes += event.lost_bytes or 0
        elif event.type in self._text:
            self._text[event.type] += self._decoders[event.type].decode(event.data)
            listener = self._listeners[event.type]
            if listener is not None:
                listener(event.data)
        else:
            return FinishedCommand(
                exit_code=event.exit_code or 0,
                stdout=self._text["o"] + self._decoders["o"].decode(b"", True),
                stderr=self._text["e"] + self._decoders["e"].decode(b"", True),
                timed_out=event.timed_out is True,
                duration_ms=event.duration_ms or 0,
                lost_bytes=self._lost_bytes,
            )
        return None
