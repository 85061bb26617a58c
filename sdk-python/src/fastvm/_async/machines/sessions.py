"""Commands, terminals and watches of a machine as they go on, over whatever connections that takes."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any, AsyncIterator, Dict, List, Mapping, Optional, Sequence, Type, Union

from ..._config import Config
from ..._machines import routes
from ..._machines.errors import MachineConnectionError, MachineError, unreachable
from ..._machines.events import parsed
from ..._machines.sessions import GIVE_UP_SECONDS, OVERFLOW, FileEvent, Output, SessionPlace, input_message, raise_unless_passing
from ..._options import present
from ..blocking import sleep
from .connection import AsyncConnection
from .socket import AsyncSocket, open_socket


class AsyncSession:
    """
    Iterate over it for what is written, each byte once and in order, also where the server is restarted in between. It is
    the machine's: leaving or closing it leaves what runs alone.
    """

    def __init__(self, config: Config, machine_id: str, place: SessionPlace) -> None:
        self._config = config
        self._path = f"/v1/machines/{machine_id}/ws"
        self._place = place
        self._socket: Optional[AsyncSocket] = None
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

    def __aiter__(self) -> AsyncIterator[Output]:
        return self

    async def __anext__(self) -> Output:
        while not self._is_closed and not self._place.has_ended:
            socket = self._socket or await self._connected()
            text = None if socket is None else await socket.receive()
            if text is None:
                await self._cut_off()
                continue
            self._heard_at = time.monotonic()
            output = await self._taken(text)
            if output is not None:
                return output
        await self.disconnect()
        raise StopAsyncIteration

    async def wait(self) -> int:
        """Reads to its end, and returns the exit code."""
        async for _ in self:
            pass
        return int(self._place.exit_code if self._place.exit_code is not None else -1)

    async def disconnect(self) -> None:
        """Leaves it alone: it goes on."""
        self._is_closed = True
        await self._drop()

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.disconnect()

    async def begin(self) -> None:
        """One whose beginning is not answered is not begun again: it may run."""
        self._socket = await open_socket(self._config, self._path, {"channel": self._place.channel})
        await self._socket.send(self._place.first_message())
        while not self._place.has_started:
            text = await self._socket.receive()
            if text is None:
                await self._drop()
                raise unreachable(ConnectionError("it was closed before the machine had answered"))
            await self._taken(text)

    async def _taken(self, text: str) -> Optional[Output]:
        try:
            return self._place.take(text)
        except MachineError as failure:
            self.error = failure
            await self.disconnect()
            raise

    async def _say(self, text: str) -> None:
        socket = self._socket or await self._connected()
        if socket is None:
            raise unreachable(ConnectionError("the session is not connected"))
        await socket.send(text)

    async def _connected(self) -> Optional[AsyncSocket]:
        try:
            socket = await open_socket(self._config, self._path, {"channel": self._place.channel})
            self._socket = socket
            await socket.send(self._place.first_message())
        except MachineConnectionError:
            if time.monotonic() - self._heard_at > GIVE_UP_SECONDS:
                raise
            return None
        # It was closed meanwhile.
        if self._is_closed:
            await self._drop()
        return self._socket

    async def _cut_off(self) -> None:
        await self._drop()
        if not self._is_closed:
            await sleep(self._place.pause())

    async def _drop(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.aclose()


class AsyncCommandStream(AsyncSession):
    async def send_stdin(self, data: Union[str, bytes], *, close: bool = False) -> None:
        await self._say(input_message("exec_stdin", data, close=close))

    async def kill(self) -> None:
        """With all that it has started; its end is still to be read."""
        await self._say(json.dumps({"type": "exec_kill"}))


class AsyncPtySession(AsyncSession):
    """A terminal. What it shows arrives as `stdout`."""

    @property
    def session_id(self) -> str:
        """By which it is found again."""
        return str(self._place.session_id)

    @property
    def id(self) -> str:
        return self.session_id

    async def send_input(self, data: Union[str, bytes]) -> None:
        await self._say(input_message("pty_input", data))

    async def resize(self, cols: int, rows: int) -> None:
        await self._say(json.dumps({"type": "pty_resize", "cols": cols, "rows": rows}))

    async def kill(self) -> None:
        await self._say(json.dumps({"type": "pty_kill"}))


class AsyncPtys:
    """`machine.pty`: terminals."""

    def __init__(self, connection: AsyncConnection, machine_id: str) -> None:
        self._connection = connection
        self._machine_id = machine_id

    async def create(
        self,
        *,
        cols: int = 80,
        rows: int = 24,
        command: Optional[str] = None,
        args: Optional[Sequence[str]] = None,
        cwd: Optional[str] = None,
        envs: Optional[Mapping[str, str]] = None,
    ) -> AsyncPtySession:
        """With a login shell, or another program."""
        said = present(
            cols=cols,
            rows=rows,
            command=command,
            args=None if args is None else list(args),
            cwd=cwd,
            envs=None if envs is None else dict(envs),
        )
        return await self._begin({"type": "pty_create", **said})

    async def connect(self, session_id: Optional[str] = None, *, pid: Optional[int] = None, offset: int = 0) -> AsyncPtySession:
        """To one that is there, from an offset into what it has shown on."""
        return await self._begin({"type": "pty_connect", **present(session_id=session_id, pid=pid), "offset": offset})

    async def list(self) -> List[Dict[str, Any]]:
        """Oldest first: `session_id`, `pid`, `command`, `running`."""
        answer = await self._connection.call(routes.LIST_PTYS, self._machine_id)
        found: List[Dict[str, Any]] = answer["sessions"]
        return found

    async def resize(self, session_id: str, cols: int, rows: int) -> None:
        await self._connection.call(routes.RESIZE_PTY, self._machine_id, session_id, body={"cols": cols, "rows": rows})

    async def kill(self, session_id: str) -> bool:
        """False when it had ended."""
        answer = await self._connection.call(routes.KILL_PTY, self._machine_id, session_id, body={})
        return bool(answer["killed"])

    async def _begin(self, first: Mapping[str, Any]) -> AsyncPtySession:
        session = AsyncPtySession(self._connection.config, self._machine_id, SessionPlace(first))
        await session.begin()
        return session


class AsyncDirWatch:
    """
    Iterate over it for what happens in a folder. Where the connection was lost in between, an `overflow` says that events
    may have been too.
    """

    def __init__(self, config: Config, owner: str, path: str, recursive: bool) -> None:
        """`owner`: the path of the machine, or of the volume."""
        self._config = config
        self._path = f"{owner}/ws"
        self._first = json.dumps({"type": "watch_start", "path": path, "recursive": recursive})
        self._socket: Optional[AsyncSocket] = None
        self._place = SessionPlace({"type": "watch_start"})
        self._heard_at = time.monotonic()
        self._is_closed = False

    async def begin(self) -> None:
        """Returns when all that happens from then on is told."""
        if not await self._connected():
            raise unreachable(ConnectionError("it was closed before the machine had answered"))

    def __aiter__(self) -> AsyncIterator[FileEvent]:
        return self

    async def __anext__(self) -> FileEvent:
        while not self._is_closed:
            if self._socket is None:
                await self._again()
                if self._socket is not None:
                    return OVERFLOW
                continue
            text = await self._socket.receive()
            if text is None:
                await self._drop()
                continue
            self._heard_at = time.monotonic()
            message = parsed(text)
            if message.get("type") == "error":
                raise_unless_passing(message)
            elif message.get("type") == "watch_event":
                return FileEvent(str(message["event"]["type"]), str(message["event"]["path"]))
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._is_closed = True
        await self._drop()

    async def __aenter__(self) -> "AsyncDirWatch":
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.aclose()

    async def _again(self) -> None:
        try:
            if await self._connected():
                return
        except MachineConnectionError:
            if time.monotonic() - self._heard_at > GIVE_UP_SECONDS:
                raise
        await sleep(self._place.pause())

    async def _connected(self) -> bool:
        socket = await open_socket(self._config, self._path, {"channel": "watch"})
        await socket.send(self._first)
        text = await socket.receive()
        message = {"type": "error", "code": "internal"} if text is None else parsed(text)
        if message.get("type") != "watch_started":
            await socket.aclose()
            raise_unless_passing(message)
            return False
        self._socket = socket
        return True

    async def _drop(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.aclose()
