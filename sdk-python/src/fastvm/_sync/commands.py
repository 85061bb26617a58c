# Made by tools/unasync.py from _async/commands.py; not to be edited.
"""`client.vms.commands` and `client.vms.pty`: commands in the background and terminals by handles."""

from __future__ import annotations

from typing import Generator, Iterator, List, Mapping, Optional, Union

from .._errors import APIConnectionError, CommandLostError
from .._exec import Command, ExecEvent
from .._finished import FinishedCommand, OutputListener, OutputText, reconnect_pause
from .._generated.models import BackgroundExec
from .._refs import VMRef
from .blocking import sleep
from .execs import Execs

# bash where there is one, as a login shell, so that the prompt and the PATH are what people expect.
LOGIN_SHELL = ["sh", "-c", 'exec "$(command -v bash || echo sh)" -l']


class CommandHandle:
    """
    A command in the background, as a program holds it. The command is the VM's: letting go of the handle leaves it alone.
    Iterate over it for its output.
    """

    def __init__(self, execs: Execs, state: BackgroundExec) -> None:
        self._execs = execs
        self.id = state.id
        #: In the guest.
        self.pid = state.pid
        self.vm_id = state.vm_id
        #: As it was when the handle was made or last asked.
        self.state = state

    def __iter__(self) -> Iterator[ExecEvent]:
        return self.output()

    def output(self, offset: Optional[int] = None) -> Generator[ExecEvent, None, None]:
        """
        Its output from an offset on, or all that is kept, then one exit. A connection that breaks is made anew, and
        reading goes on where it was. Raises ConflictError while the VM is paused, NotFoundError when the command is no
        longer known.
        """
        failures = 0
        while True:
            try:
                with self._execs.follow(self.vm_id, self.id, offset) as events:
                    for event in events:
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
                sleep(pause)

    def wait(
        self, on_stdout: Optional[OutputListener] = None, on_stderr: Optional[OutputListener] = None
    ) -> FinishedCommand:
        """Returns when it has ended, whatever its exit code, with all of its output that was kept."""
        text = OutputText(on_stdout, on_stderr)
        for event in self.output():
            finished = text.take(event)
            if finished is not None:
                return finished
        raise APIConnectionError("The output ended before the command did")

    def refresh(self) -> BackgroundExec:
        """How it is now."""
        self.state = self._execs.retrieve(self.vm_id, self.id)
        return self.state

    def in_vm(self, id: VMRef) -> "CommandHandle":
        """The same command in another VM: in a fork, or in a VM from a snapshot of this one."""
        return CommandHandle(self._execs, self._execs.retrieve(id, self.id))

    def kill(self) -> bool:
        """SIGKILL to the whole process group. False when it had ended."""
        return self.signal("SIGKILL")

    def signal(self, signal: str) -> bool:
        return (self._execs.signal(self.vm_id, self.id, signal)).signalled

    def send_stdin(self, data: Union[str, bytes]) -> None:
        """Returns when the command has it."""
        self._execs.write_stdin(self.vm_id, self.id, data)

    def close_stdin(self) -> None:
        self._execs.write_stdin(self.vm_id, self.id, close=True)

    def resize(self, cols: int, rows: int) -> None:
        """Of its terminal."""
        self._execs.resize(self.vm_id, self.id, cols, rows)


class Commands:
    def __init__(self, execs: Execs) -> None:
        self._execs = execs

    def start(
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
    ) -> CommandHandle:
        """Starts a command that outlives this program. A string is run by `sh -c`."""
        state = self._execs.start(
            id,
            command,
            timeout_sec=timeout_sec,
            env=env,
            cwd=cwd,
            user=user,
            keep_stdin=keep_stdin,
            keep_output_bytes=keep_output_bytes,
        )
        return CommandHandle(self._execs, state)

    def connect(self, id: VMRef, exec_id: str) -> CommandHandle:
        """A handle for a command that somebody else started."""
        return CommandHandle(self._execs, self._execs.retrieve(id, exec_id))

    def kill(self, id: VMRef, exec_id: str) -> bool:
        """False when it had ended."""
        return (self._execs.signal(id, exec_id, "SIGKILL")).signalled

    def send_stdin(self, id: VMRef, exec_id: str, data: Union[str, bytes]) -> None:
        self._execs.write_stdin(id, exec_id, data)

    def list(self, id: VMRef) -> List[BackgroundExec]:
        """Terminals included, oldest first."""
        return self._execs.list(id)


class Pty:
    def __init__(self, execs: Execs) -> None:
        self._execs = execs

    def create(
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
    ) -> CommandHandle:
        """A login shell, or another command, on a terminal. It lives until it ends or is killed, whoever is connected."""
        state = self._execs.start(
            id,
            LOGIN_SHELL if command is None else command,
            timeout_sec=timeout_sec,
            env=env,
            cwd=cwd,
            user=user,
            pty={"cols": cols, "rows": rows},
            keep_output_bytes=keep_output_bytes,
        )
        return CommandHandle(self._execs, state)

    def connect(self, id: VMRef, exec_id: str) -> CommandHandle:
        return CommandHandle(self._execs, self._execs.retrieve(id, exec_id))

    def send_input(self, id: VMRef, exec_id: str, data: Union[str, bytes]) -> None:
        """As typed: `\\r` is the return key, `\\x03` Ctrl-C."""
        self._execs.write_stdin(id, exec_id, data)

    def resize(self, id: VMRef, exec_id: str, cols: int, rows: int) -> None:
        self._execs.resize(id, exec_id, cols, rows)

    def kill(self, id: VMRef, exec_id: str) -> bool:
        """False when it had ended."""
        return (self._execs.signal(id, exec_id, "SIGKILL")).signalled
