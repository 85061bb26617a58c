# Made by tools/unasync.py from _async/machines/sessions.py; not to be edited.
"""Commands, terminals and watches of a machine as they go on, over whatever connections that takes."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Type, Union

from ..._config import Config
from ..._machines import routes
from ..._machines.errors import MachineConnectionError, MachineError, unreachable
from ..._machines.events import parsed
from ..._machines.sessions import GIVE_UP_SECONDS, OVERFLOW, FileEvent, Output, SessionPlace, input_message, raise_unless_passing
from ..._options import present
from ..blocking import sleep
from .connection import Connection
from .socket import Socket, open_socket


class Session:
    """
    Iterate over it for what is written, each byte once and in order, also where the server is restarted in between. It is
    the machine's: leaving or closing it leaves what runs alone.
    """

    def __init__(self, config: Config, machine_id: str, place: SessionPlace) -> None:
        self._config = config
        self._path = f"/v1/machines/{machine_id}/ws"
        self._place = place
        self._socket: Optional[Socket] = None
        self._heard_at = time.monotonic()
        self._is_closed = False
        #: What ended it, other than its exit.
        self.error: Optional[MachineError] = None

    @property
    def pid(self) -> int:
        return int(self._place.pid or 0)

    @property
    def exit_code(self) -> Optional[int]:
        """None until its end has been read."""
        return self._place.exit_code

    @property
    def is_connected(self) -> bool:
        return self._socket is not None

    def __iter__(self) -> Iterator[Output]:
        return self

    def __next__(self) -> Output:
        while not self._is_closed and not self._place.has_ended:
            socket = self._socket or self._connected()
            text = None if socket is None else socket.receive()
            if text is None:
                self._cut_off()
                continue
            self._heard_at = time.monotonic()
            output = self._taken(text)
            if output is not None:
                return output
        self.disconnect()
        raise StopIteration

    def wait(self) -> int:
        """Reads to its end, and returns the exit code."""
        for _ in self:
            pass
        return int(self._place.exit_code if self._place.exit_code is not None else -1)

    def disconnect(self) -> None:
        """Leaves it alone: it goes on."""
        self._is_closed = True
        self._drop()

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.disconnect()

    def begin(self) -> None:
        """One whose beginning is not answered is not begun again: it may run."""
        self._socket = open_socket(self._config, self._path, {"channel": self._place.channel})
        self._socket.send(self._place.first_message())
        while not self._place.has_started:
            text = self._socket.receive()
            if text is None:
                self._drop()
                raise unreachable(ConnectionError("it was closed before the machine had answered"))
            self._taken(text)

    def _taken(self, text: str) -> Optional[Output]:
        try:
            return self._place.take(text)
        except MachineError as failure:
            self.error = failure
            self.disconnect()
            raise

    def _say(self, text: str) -> None:
        socket = self._socket or self._connected()
        if socket is None:
            raise unreachable(ConnectionError("the session is not connected"))
        socket.send(text)

    def _connected(self) -> Optional[Socket]:
        try:
            socket = open_socket(self._config, self._path, {"channel": self._place.channel})
            self._socket = socket
            socket.send(self._place.first_message())
        except MachineConnectionError:
            if time.monotonic() - self._heard_at > GIVE_UP_SECONDS:
                raise
            return None
        # It was closed meanwhile.
        if self._is_closed:
            self._drop()
        return self._socket

    def _cut_off(self) -> None:
        self._drop()
        if not self._is_closed:
            sleep(self._place.pause())

    def _drop(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close()


class CommandStream(Session):
    def send_stdin(self, data: Union[str, bytes], *, close: bool = False) -> None:
        self._say(input_message("exec_stdin", data, close=close))

    def kill(self) -> None:
        """With all that it has started; its end is still to be read."""
        self._say(json.dumps({"type": "exec_kill"}))


class PtySession(Session):
    """A terminal. What it shows arrives as `stdout`."""

    @property
    def session_id(self) -> str:
        """By which it is found again."""
        return str(self._place.session_id)

    @property
    def id(self) -> str:
        return self.session_id

    def send_input(self, data: Union[str, bytes]) -> None:
        self._say(input_message("pty_input", data))

    def resize(self, cols: int, rows: int) -> None:
        self._say(json.dumps({"type": "pty_resize", "cols": cols, "rows": rows}))

    def kill(self) -> None:
        self._say(json.dumps({"type": "pty_kill"}))


class Ptys:
    """`machine.pty`: terminals."""

    def __init__(self, connection: Connection, machine_id: str) -> None:
        self._connection = connection
        self._machine_id = machine_id

    def create(
        self,
        *,
        cols: int = 80,
        rows: int = 24,
        command: Optional[str] = None,
        args: Optional[Sequence[str]] = None,
        cwd: Optional[str] = None,
        envs: Optional[Mapping[str, str]] = None,
    ) -> PtySession:
        """With a login shell, or another program."""
        said = present(
            cols=cols,
            rows=rows,
            command=command,
            args=None if args is None else list(args),
            cwd=cwd,
            envs=None if envs is None else dict(envs),
        )
        return self._begin({"type": "pty_create", **said})

    def connect(self, session_id: Optional[str] = None, *, pid: Optional[int] = None, offset: int = 0) -> PtySession:
        """To one that is there, from an offset into what it has shown on."""
        return self._begin({"type": "pty_connect", **present(session_id=session_id, pid=pid), "offset": offset})

    def list(self) -> List[Dict[str, Any]]:
        """Oldest first: `session_id`, `pid`, `command`, `running`."""
        answer = self._connection.call(routes.LIST_PTYS, self._machine_id)
        found: List[Dict[str, Any]] = answer["sessions"]
        return found

    def resize(self, session_id: str, cols: int, rows: int) -> None:
        self._connection.call(routes.RESIZE_PTY, self._machine_id, session_id, body={"cols": cols, "rows": rows})

    def kill(self, session_id: str) -> bool:
        """False when it had ended."""
        answer = self._connection.call(routes.KILL_PTY, self._machine_id, session_id, body={})
        return bool(answer["killed"])

    def _begin(self, first: Mapping[str, Any]) -> PtySession:
        session = PtySession(self._connection.config, self._machine_id, SessionPlace(first))
        session.begin()
        return session


class DirWatch:
    """
    Iterate over it for what happens in a folder. Where the connection was lost in between, an `overflow` says that events
    may have been too.
    """

    def __init__(self, config: Config, owner: str, path: str, recursive: bool) -> None:
        """`owner`: the path of the machine, or of the volume."""
        self._config = config
        self._path = f"{owner}/ws"
        self._first = json.dumps({"type": "watch_start", "path": path, "recursive": recursive})
        self._socket: Optional[Socket] = None
        self._place = SessionPlace({"type": "watch_start"})
        self._heard_at = time.monotonic()
        self._is_closed = False

    def begin(self) -> None:
        """Returns when all that happens from then on is told."""
        if not self._connected():
            raise unreachable(ConnectionError("it was closed before the machine had answered"))

    def __iter__(self) -> Iterator[FileEvent]:
        return self

    def __next__(self) -> FileEvent:
        while not self._is_closed:
            if self._socket is None:
                self._again()
                if self._socket is not None:
                    return OVERFLOW
                continue
            text = self._socket.receive()
            if text is None:
                self._drop()
                continue
            self._heard_at = time.monotonic()
            message = parsed(text)
            if message.get("type") == "error":
                raise_unless_passing(message)
            elif message.get("type") == "watch_event":
                return FileEvent(str(message["event"]["type"]), str(message["event"]["path"]))
        raise StopIteration

    def close(self) -> None:
        self._is_closed = True
        self._drop()

    def __enter__(self) -> "DirWatch":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def _again(self) -> None:
        try:
            if self._connected():
                return
        except MachineConnectionError:
            if time.monotonic() - self._heard_at > GIVE_UP_SECONDS:
                raise
        sleep(self._place.pause())

    def _connected(self) -> bool:
        socket = open_socket(self._config, self._path, {"channel": "watch"})
        socket.send(self._first)
        text = socket.receive()
        message = {"type": "error", "code": "internal"} if text is None else parsed(text)
        if message.get("type") != "watch_started":
            socket.close()
            raise_unless_passing(message)
            return False
        self._socket = socket
        return True

    def _drop(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close()
