"""
The place of a client in the output of a command or a terminal: what it says when it connects, and after it was cut off.
Does no input or output.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Dict, Mapping, NamedTuple, Optional

from .errors import machine_error
from .events import PASSING, parsed

# A daemon that comes back finds its machines first.
GIVE_UP_SECONDS = 300.0
FIRST_PAUSE_SECONDS = 0.1
LAST_PAUSE_SECONDS = 2.0


class Output(NamedTuple):
    """What was written: to `stdout`, which a terminal's is too, or `stderr`; `lost` is what is no longer kept, and empty."""

    stream: str
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode(errors="replace")


class FileEvent(NamedTuple):
    """`create`, `write`, `remove`, `rename`, `chmod`, or `overflow`: events were lost, and there is no path."""

    type: str
    path: str


OVERFLOW = FileEvent("overflow", "")
STREAMS = {"exec_stdout": "stdout", "exec_stderr": "stderr", "pty_output": "stdout"}
ENDS = ("exec_exit", "pty_exited")


class SessionPlace:
    def __init__(self, first: Mapping[str, Any]) -> None:
        self._first = dict(first)
        self.channel = str(first["type"]).split("_")[0]
        self.offset = int(first.get("offset") or 0)
        self.session_id: Optional[str] = None
        self.pid: Optional[int] = None
        self.exit_code: Optional[int] = None
        self.has_ended = False
        self._failures = 0

    @property
    def has_started(self) -> bool:
        return self.pid is not None

    def first_message(self) -> str:
        """What was begun is begun once: afterwards it is found by its number and gone on with."""
        if not self.has_started:
            return json.dumps(self._first)
        named: Dict[str, Any] = {"session_id": self.session_id} if self.session_id else {"pid": self.pid}
        return json.dumps({"type": f"{self.channel}_connect", **named, "offset": self.offset})

    def take(self, text: str) -> Optional[Output]:
        """Raises for what ends it."""
        message = parsed(text)
        kind = str(message.get("type"))
        if kind == "error":
            raise_unless_passing(message)
            return None
        self._failures = 0
        if kind in (f"{self.channel}_started",):
            self.pid, self.session_id = int(message["pid"]), message.get("session_id")
        elif kind in ENDS:
            self.exit_code, self.has_ended = int(message["exit_code"]), True
        elif kind == "lost":
            return Output("lost", b"")
        elif kind in STREAMS:
            self.offset = int(message["offset"])
            return Output(STREAMS[kind], base64.b64decode(message["data"]))
        return None

    def pause(self) -> float:
        """Seconds until the next attempt."""
        self._failures += 1
        grown: float = FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures - 1, 10)
        return min(grown, LAST_PAUSE_SECONDS)


def raise_unless_passing(message: Mapping[str, Any]) -> None:
    code, said = str(message.get("code")), str(message.get("message"))
    if code not in PASSING:
        raise machine_error(code, said)


def input_message(kind: str, data: "bytes | str", **rest: Any) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return json.dumps({"type": kind, "data": base64.b64encode(raw).decode(), **rest})
