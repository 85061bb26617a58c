"""`client.vms.commands` and `client.vms.pty`: commands in the background and terminals by handles."""

from __future__ import annotations

from typing import AsyncGenerator, AsyncIterator, List, Mapping, Optional, Union

from .._errors import APIConnectionError, CommandLostError
from .._exec import Command, ExecEvent
from .._finished import FinishedCommand, OutputListener, OutputText, reconnect_pause
from .._generated.models import BackgroundExec
from .._refs import VMRef
from .blocking import sleep
from .execs import AsyncExecs

# bash where there is one, as a login shell, so that the prompt and the PATH are what people expect.
LOGIN_SHELL = ["sh", "-c", 'exec "$(command -v bash || echo sh)" -l']


class AsyncCommandHandle:
    """
    A command in the background, as a program holds it. The command is the VM's: letting go of the handle leaves it alone.
    Iterate over it for its output.
    """

    def __init__(self, execs: AsyncExecs, state: BackgroundExec) -> None:
        self._execs = execs
        self.id = state.id
        #: In the guest.
        self.pid = state.pid
        self.vm_id = state.vm_id
        #: As it was when the handle was made or last asked.
        self.state = state

    def __aiter__(self) -> AsyncIterator[ExecEvent]:
        return self.output()

    async def output(self, offset: Optional[int] = None) -> AsyncGenerator[ExecEvent, None]:
        """
        Its output from an offset on, or all that is kept, then one exit. A connection that breaks is made anew, and
        reading goes on where it was. Raises ConflictError while the VM is paused, NotFoundError when the command is no
        longer known.
        """
        failures = 0
        while True:
            try:
                async with self._execs.follow(self.vm_id, self.id, offset) as events:
                    async for event in events:
                        if event.type == "a":
                            offset = event.offset
                        else:
                            offset = (offset or 0) + len(event.data)
                            failures = 0
                        yield event
                        if event.type == "x":
                            return
            except (APIConnectionError, CommandLostError):
                pause = reconnect_pause(failures)
                if pause is None:
                    raise
                failures += 1
                await sleep(pause)

    async def wait(
        self, on_stdout: Optional[OutputListener] = None, on_stderr: Optional[OutputListener] = None
    ) -> FinishedCommand:
        """Returns when it has ended, whatever its exit code, with all of its output that was kept."""
        text = OutputText(on_stdout, on_stderr)
        async for event in self.output():
            finished = text.take(event)
            if finished is not None:
                return finished
        raise APIConnectionError("The output ended before the command did")

    async def refresh(self) -> BackgroundExec:
        """How it is now."""
        self.state = await self._execs.retrieve(self.vm_id, self.id)
        return self.state

    async def in_vm(self, id: VMRef) -> "AsyncCommandHandle":
        """The same command in another VM: in a fork, or in a VM from a snapshot of this one."""
        return AsyncCommandHandle(self._execs, await self._execs.retrieve(id, self.id))

    async def kill(self) -> bool:
        """SIGKILL to the whole process group. False when it had ended."""
        return await self.signal("SIGKILL")

    async def signal(self, signal: str) -> bool:
        return (await self._execs.signal(self.vm_id, self.id, signal)).signalled

    async def send_stdin(self, data: Union[str, bytes]) -> None:
        """Returns when the command has it."""
        await self._execs.write_stdin(self.vm_id, self.id, data)

    async def close_stdin(self) -> None:
        await self._execs.write_stdin(self.vm_id, self.id, close=True)

    async def resize(self, cols: int, rows: int) -> None:
        """Of its terminal."""
        await self._execs.resize(self.vm_id, self.id, cols, rows)


class AsyncCommands:
    def __init__(self, execs: AsyncExecs) -> None:
        self._execs = execs

    async def start(
        self,
        id: VMRef,
        command: Command,
        *,
        timeout_sec: Optional[int] = None,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[str] = None,
        user: Optional[str] = None,
        keep_stdin: Optional[bool] = None,
        keep_output_bytes: Optional[int] = None,
    ) -> AsyncCommandHandle:
        """Starts a command that outlives this program. A string is run by `sh -c`."""
        state = await self._execs.start(
            id,
            command,
            timeout_sec=timeout_sec,
            env=env,
            cwd=cwd,
            user=user,
            keep_stdin=keep_stdin,
            keep_output_bytes=keep_output_bytes,
        )
        return AsyncCommandHandle(self._execs, state)

    async def connect(self, id: VMRef, exec_id: str) -> AsyncCommandHandle:
        """A handle for a command that somebody else started."""
        return AsyncCommandHandle(self._execs, await self._execs.retrieve(id, exec_id))

    async def kill(self, id: VMRef, exec_id: str) -> bool:
        """False when it had ended."""
        return (await self._execs.signal(id, exec_id, "SIGKILL")).signalled

    async def send_stdin(self, id: VMRef, exec_id: str, data: Union[str, bytes]) -> None:
        await self._execs.write_stdin(id, exec_id, data)

    async def list(self, id: VMRef) -> List[BackgroundExec]:
        """Terminals included, oldest first."""
        return await self._execs.list(id)


class AsyncPty:
    def __init__(self, execs: AsyncExecs) -> None:
        self._execs = execs

    async def create(
        self,
        id: VMRef,
        *,
        cols: int = 80,
        rows: int = 24,
        command: Optional[Command] = None,
        timeout_sec: Optional[int] = None,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[str] = None,
        user: Optional[str] = None,
        keep_output_bytes: Optional[int] = None,
    ) -> AsyncCommandHandle:
        """A login shell, or another command, on a terminal. It lives until it ends or is killed, whoever is connected."""
        state = await self._execs.start(
            id,
            LOGIN_SHELL if command is None else command,
            timeout_sec=timeout_sec,
            env=env,
            cwd=cwd,
            user=user,
            pty={"cols": cols, "rows": rows},
            keep_output_bytes=keep_output_bytes,
        )
        return AsyncCommandHandle(self._execs, state)

    async def connect(self, id: VMRef, exec_id: str) -> AsyncCommandHandle:
        return AsyncCommandHandle(self._execs, await self._execs.retrieve(id, exec_id))

    async def send_input(self, id: VMRef, exec_id: str, data: Union[str, bytes]) -> None:
        """As typed: `\\r` is the return key, `\\x03` Ctrl-C."""
        await self._execs.write_stdin(id, exec_id, data)

    async def resize(self, id: VMRef, exec_id: str, cols: int, rows: int) -> None:
        await self._execs.resize(id, exec_id, cols, rows)

    async def kill(self, id: VMRef, exec_id: str) -> bool:
        """False when it had ended."""
        return (await self._execs.signal(id, exec_id, "SIGKILL")).signalled
