"""
Commands in a VM: what goes in, what comes back, and how a stream of bytes is cut into events. Does no input or output.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import IO, Any, AsyncIterable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Union

from ._config import VM_WORK_SECONDS
from ._errors import APIResponseValidationError, CommandLostError
from ._generated.models import ExecVMResponse
from ._lines import LineReader
from ._options import present

# A string is run by `sh -c` in the VM; a sequence is the program and its arguments, with no shell between.
Command = Union[str, Sequence[str]]
# Text is sent as UTF-8. What is not in memory is sent as it is read, and may be of any size.
Stdin = Union[str, bytes, bytearray, memoryview, IO[bytes], Iterable[bytes]]
AsyncStdin = Union[Stdin, AsyncIterable[bytes]]

# For a buffered command the answer comes when it ends, so its own limit must fit into the call's.
ANSWER_MARGIN_SECONDS = 30.0
# The server takes 16 MiB within a call; more goes by way of a file.
MAX_INLINE_STDIN_BYTES = 16 * 1024 * 1024
NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class ExecEvent:
    """
    One event of a running command: `o` (stdout) and `e` (stderr) with `data`, the bytes as the command wrote them,
    which may end within a line or a character; last and exactly once `x` (exit).
    """

    type: str
    data: bytes = b""
    exit_code: Optional[int] = None
    timed_out: Optional[bool] = None
    duration_ms: Optional[int] = None
    #: Of an exit: why the command could not be started, if it could not.
    diagnostic: Optional[str] = None
    #: Of an `a`, which commands in the background have: where the output that follows stands, and what was lost before it.
    offset: Optional[int] = None
    lost_bytes: Optional[int] = None

    # The same under the names that it has on the wire.

    @property
    def t(self) -> str:
        return self.type

    @property
    def d(self) -> str:
        return (self.diagnostic or "") if self.type == "x" else base64.b64encode(self.data).decode()

    @property
    def c(self) -> Optional[int]:
        return self.exit_code

    @property
    def to(self) -> Optional[bool]:
        return self.timed_out

    @property
    def ms(self) -> Optional[int]:
        return self.duration_ms


def argv_of(command: Command) -> List[str]:
    return ["sh", "-c", command] if isinstance(command, str) else list(command)


def exec_body(
    argv: Sequence[str],
    timeout_sec: Optional[int],
    stdin: Optional[bytes],
    env: Optional[Mapping[str, str]],
    cwd: Optional[str],
    user: Optional[str],
) -> Dict[str, Any]:
    encoded = None if stdin is None else base64.b64encode(stdin).decode()
    return present(command=list(argv), timeout_sec=timeout_sec, stdin=encoded, env=env, cwd=cwd, user=user)


def inline_stdin(stdin: Any) -> Optional[bytes]:
    """The bytes of what fits into the call; None for what has to go another way."""
    if isinstance(stdin, str):
        data = stdin.encode()
    elif isinstance(stdin, (bytes, bytearray, memoryview)):
        data = bytes(stdin)
    else:
        return None
    return data if len(data) <= MAX_INLINE_STDIN_BYTES else None


def exec_seconds(timeout_sec: Optional[int]) -> float:
    return VM_WORK_SECONDS if timeout_sec is None else max(VM_WORK_SECONDS, timeout_sec + ANSWER_MARGIN_SECONDS)


def checked_result(result: ExecVMResponse) -> ExecVMResponse:
    """Raises a CommandLostError for a command that was lost after the answer's headers had been sent."""
    if result.error is not None:
        raise CommandLostError(result.code or "internal", result.error)
    return result


class EventReader:
    """Takes the bytes of an answer in any pieces and gives the events that are whole. Blank lines are heartbeats."""

    def __init__(self) -> None:
        self._lines = LineReader()

    def feed(self, chunk: bytes) -> Iterator[ExecEvent]:
        yield from known_events(self._lines.feed(chunk))

    def end(self) -> Iterator[ExecEvent]:
        yield from known_events(self._lines.end())


def known_events(lines: Iterator[bytes]) -> Iterator[ExecEvent]:
    for line in lines:
        event = event_of(line)
        if event is not None:
            yield event


def event_of(line: bytes) -> Optional[ExecEvent]:
    """`{t: "o"|"e", d}` or `{t: "x", c?, to?, ms?, d?, code?}`, zeros left out; a kind of a later server is skipped."""
    try:
        value = json.loads(line)
        fields: Mapping[str, Any] = value if isinstance(value, dict) else {}
        text = str(fields.get("d") or "")
        if fields.get("t") in ("o", "e"):
            return ExecEvent(fields["t"], base64.b64decode(text))
        if fields.get("t") == "a":
            return ExecEvent("a", offset=int(fields.get("at") or 0), lost_bytes=int(fields.get("lost") or 0))
    except ValueError as cause:
        raise APIResponseValidationError(f"A line of the stream cannot be read: {line[:200]!r}") from cause
    if fields.get("t") != "x":
        return None
    if "code" in fields:
        raise CommandLostError(str(fields["code"]), text)
    return ExecEvent(
        "x",
        exit_code=int(fields.get("c") or 0),
        timed_out=fields.get("to") is True,
        duration_ms=int(fields.get("ms") or 0),
        diagnostic=text or None,
    )
