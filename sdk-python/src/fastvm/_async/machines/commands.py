"""`machine.commands`: commands that are waited for, and processes in the background."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Literal, Mapping, Optional, Sequence, Union, overload

from ..._exec import exec_seconds
from ..._machines import routes
from ..._machines.errors import TimeoutError
from ..._machines.models import CommandResult, ProcessInfo, ProcessLogs
from ..._machines.orders import exec_body
from ..._model import from_wire
from ..._options import present
from ..._machines.sessions import SessionPlace
from ..blocking import sleep
from .connection import AsyncConnection
from .sessions import AsyncCommandStream

# From the first look at a process in the background to the last: it is asked for more seldom the longer it runs.
FIRST_LOOK_SECONDS = 0.05
LAST_LOOK_SECONDS = 1.0


class AsyncBackgroundCommand:
    """A process in the background. It is the machine's: letting go of the handle leaves it alone."""

    def __init__(self, commands: "AsyncCommands", pid: int) -> None:
        self._commands = commands
        self.pid = pid

    async def wait(self, timeout: Optional[float] = None) -> CommandResult:
        """Returns when it has ended, whatever its exit code. Raises a TimeoutError after `timeout` seconds; it goes on."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = FIRST_LOOK_SECONDS
        while True:
            logs = await self.get_logs()
            if logs.exit_code is not None:
                return CommandResult(logs.exit_code, logs.stdout, logs.stderr, self.pid, bool(logs.lost_bytes))
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"Process {self.pid} has not ended after {timeout:g} s", code="timeout", retryable=True)
            await sleep(pause)
            pause = min(pause * 1.5, LAST_LOOK_SECONDS)

    async def kill(self) -> bool:
        """With all that it has started. False when it had ended."""
        return await self._commands.kill(self.pid)

    async def get_logs(self) -> ProcessLogs:
        return await self._commands.get_logs(self.pid)

    async def send_stdin(self, data: str, *, close: bool = False) -> int:
        return await self._commands.send_stdin(self.pid, data, close=close)


class AsyncCommands:
    def __init__(self, connection: AsyncConnection, machine_id: str) -> None:
        self._connection = connection
        self._machine_id = machine_id

    @overload
    async def run(
        self,
        command: str,
        args: Optional[Sequence[str]] = None,
        *,
        shell: bool = False,
        cwd: Optional[str] = None,
        envs: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
        background: Literal[False] = False,
    ) -> CommandResult: ...

    @overload
    async def run(
        self,
        command: str,
        args: Optional[Sequence[str]] = None,
        *,
        shell: bool = False,
        cwd: Optional[str] = None,
        envs: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
        background: Literal[True],
    ) -> AsyncBackgroundCommand: ...

    async def run(
        self,
        command: str,
        args: Optional[Sequence[str]] = None,
        *,
        shell: bool = False,
        cwd: Optional[str] = None,
        envs: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
        background: bool = False,
    ) -> Union[CommandResult, AsyncBackgroundCommand]:
        """
        Runs a program with its arguments, or with `shell` a line for the shell, and returns when it has ended, with
        `background` when it runs. Any exit code is a result. Raises a TimeoutError, code `exec_timeout`, when it is
        killed after `timeout` seconds.
        """
        body = exec_body(command, args, shell=shell, cwd=cwd, envs=envs, timeout=timeout)
        if background:
            started = await self._exec({**body, "background": True}, None)
            return AsyncBackgroundCommand(self, int(started.pid or 0))
        return await self._exec(body, exec_seconds(body.get("timeout_secs")))

    async def _exec(self, body: Dict[str, Any], seconds: Optional[float]) -> CommandResult:
        # Nobody knows how far one came whose answer was lost, so it is not sent again.
        return await self._connection.call(routes.EXEC, self._machine_id, body=body, seconds=seconds, once=True)

    async def stream(
        self,
        command: str,
        args: Optional[Sequence[str]] = None,
        *,
        shell: bool = False,
        cwd: Optional[str] = None,
        envs: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
    ) -> AsyncCommandStream:
        """The same as it writes. It is a process in the background, which goes on when its reader goes away."""
        body = exec_body(command, args, shell=shell, cwd=cwd, envs=envs, timeout=timeout)
        return await self._begin({"type": "exec_start", **body})

    async def connect(self, pid: int, *, offset: int = 0) -> AsyncCommandStream:
        """To one in the background, from an offset into all that it has written on."""
        return await self._begin({"type": "exec_connect", "pid": pid, "offset": offset})

    async def _begin(self, first: Mapping[str, Any]) -> AsyncCommandStream:
        stream = AsyncCommandStream(self._connection.config, self._machine_id, SessionPlace(first))
        await stream.begin()
        return stream

    async def list(self) -> List[ProcessInfo]:
        """Those in the background, oldest first."""
        answer = await self._connection.call(routes.LIST_PROCESSES, self._machine_id)
        found: List[ProcessInfo] = from_wire(routes.PROCESSES, answer["processes"])
        return found

    async def get_logs(self, pid: int) -> ProcessLogs:
        return await self._connection.call(routes.PROCESS_LOGS, self._machine_id, str(pid))

    async def send_stdin(self, pid: int, data: str, *, close: bool = False) -> int:
        """How many bytes were sent. With `close` its stdin ends behind them."""
        body = present(data=data, close=close or None)
        answer = await self._connection.call(routes.PROCESS_STDIN, self._machine_id, str(pid), body=body, once=True)
        return int(answer["bytes_sent"])

    async def kill(self, pid: int) -> bool:
        answer = await self._connection.call(routes.KILL_PROCESS, self._machine_id, str(pid), body={})
        return bool(answer["killed"])
