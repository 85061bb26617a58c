"""Commands, terminals and watches against a server that cuts them off wherever it likes."""

from __future__ import annotations

import base64
import json
import random
from typing import Any, Dict, List

import pytest
from both import KINDS, Blocking, Loop
from sockets import SocketServer

import nullspace

from .test_machine_events import json_of
from .test_machines import KEY, MACHINE

TEXT = bytes(range(256)) * 4


@pytest.fixture(params=KINDS)
def connect(request: Any, loop: Loop) -> Any:
    kind: Any = nullspace.Machine if request.param == "threads" else Blocking(nullspace.AsyncMachine, loop)
    return lambda server: kind.connect("mch_1", api_key=KEY, base_url=server.url)


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastvm._machines.sessions.FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("fastvm._machines.sessions.LAST_PAUSE_SECONDS", 0.01)


class Host:
    """Has one command or terminal, writes it in parts, and cuts the connection by chance."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.firsts: List[Dict[str, Any]] = []
        self.inputs: List[Dict[str, Any]] = []
        self.cuts = 0

    def answer(self, path: str) -> Any:
        return None if "/ws" in path else json_of(MACHINE)

    async def tell(self, socket: Any, query: Dict[str, str]) -> None:
        first = json.loads(await socket.recv())
        self.firsts.append(first)
        kind = query["channel"]
        offset = int(first.get("offset") or 0)
        session = {"session_id": "pty_1"} if kind == "pty" else {}
        await self.say(socket, type=f"{kind}_started", pid=7, offset=offset, **session)
        while offset < len(TEXT):
            if self.random.random() < 0.2:
                self.cuts += 1
                return
            part = TEXT[offset : offset + 100]
            offset += len(part)
            name = "pty_output" if kind == "pty" else "exec_stdout"
            await self.say(socket, type=name, data=base64.b64encode(part).decode(), offset=offset)
        await self.say(socket, type="pty_exited" if kind == "pty" else "exec_exit", exit_code=3, timed_out=False)

    async def say(self, socket: Any, **message: Any) -> None:
        await socket.send(json.dumps(message))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_command_is_begun_once_and_each_byte_comes_once(seed: int, connect: Any) -> None:
    host = Host(seed)
    with SocketServer(host.tell, host.answer) as server:
        stream = connect(server).commands.stream("sh", ["-c", "x"], cwd="/srv")
        assert b"".join(each.data for each in stream) == TEXT
        assert (stream.pid, stream.exit_code, stream.is_connected) == (7, 3, False)
    assert host.firsts[0] == {"type": "exec_start", "command": "sh", "args": ["-c", "x"], "cwd": "/srv"}
    assert {first["type"] for first in host.firsts[1:]} == {"exec_connect"} and host.cuts > 0


@pytest.mark.parametrize("seed", [4, 5])
def test_a_terminal_is_found_again_by_its_session(seed: int, connect: Any) -> None:
    host = Host(seed)
    with SocketServer(host.tell, host.answer) as server:
        session = connect(server).pty.create(cols=90, rows=30)
        assert b"".join(each.data for each in session) == TEXT
        assert (session.session_id, session.pid, session.exit_code) == ("pty_1", 7, 3)
        again = connect(server).pty.connect("pty_1", offset=1000)
        assert b"".join(each.data for each in again) == TEXT[1000:]
    assert host.firsts[0] == {"type": "pty_create", "cols": 90, "rows": 30}
    assert {first.get("session_id") for first in host.firsts[1:]} == {"pty_1"} and host.cuts > 0


def test_what_is_refused_is_raised(connect: Any) -> None:
    async def refuse(socket: Any, query: Dict[str, str]) -> None:
        await socket.recv()
        await socket.send(json.dumps({"type": "error", "code": "machine_not_ready", "message": "it is paused"}))

    with SocketServer(refuse, Host(0).answer) as server:
        machine = connect(server)
        for begin in (machine.commands.stream, machine.files.watch_dir):
            with pytest.raises(nullspace.ConflictError):
                begin("/x")


def test_input_is_sent(connect: Any) -> None:
    got: List[Any] = []

    async def take(socket: Any, query: Dict[str, str]) -> None:
        await socket.recv()
        await socket.send(json.dumps({"type": "exec_started", "pid": 7, "offset": 0}))
        got.extend([json.loads(await socket.recv()) for _ in range(2)])
        await socket.send(json.dumps({"type": "exec_exit", "exit_code": 0, "timed_out": False}))

    with SocketServer(take, Host(0).answer) as server:
        stream = connect(server).commands.stream("cat")
        stream.send_stdin("é", close=True)
        stream.kill()
        assert stream.wait() == 0
    assert got == [{"type": "exec_stdin", "data": "w6k=", "close": True}, {"type": "exec_kill"}]


def test_a_watch_tells_that_it_was_cut_off(connect: Any) -> None:
    async def watch(socket: Any, query: Dict[str, str]) -> None:
        first = json.loads(await socket.recv())
        assert first == {"type": "watch_start", "path": "/srv", "recursive": True}
        await socket.send(json.dumps({"type": "watch_started", "path": "/srv"}))
        await socket.send(json.dumps({"type": "watch_event", "event": {"type": "create", "path": "/srv/a"}}))

    with SocketServer(watch, Host(0).answer) as server:
        watching = connect(server).files.watch_dir("/srv", recursive=True)
        got = [tuple(each) for _, each in zip(range(4), watching)]
        watching.close()
    created = ("create", "/srv/a")
    assert got == [created, ("overflow", ""), created, ("overflow", "")]


def test_a_monitor_subscribes_on_each_connection(connect: Any) -> None:
    firsts: List[Any] = []

    async def tell(socket: Any, query: Dict[str, str]) -> None:
        firsts.append(json.loads(await socket.recv()))
        for message in (
            {"type": "snapshot", "machine": MACHINE},
            {"type": "metrics", "metrics": {"cpu_percent": 5}},
            {"type": "processes", "processes": [{"pid": 7}]},
        ):
            await socket.send(json.dumps(message))

    with SocketServer(tell, Host(0).answer) as server:
        monitor = connect(server).monitor(interval_ms=500, include_processes=True)
        got = [event for _, event in zip(range(4), monitor)]
        monitor.close()
    assert [event.type for event in got] == ["snapshot", "metrics", "processes", "snapshot"]
    assert (got[0].machine.id, got[1].metrics, got[2].processes) == ("mch_1", {"cpu_percent": 5}, [{"pid": 7}])
    assert firsts[1] == {"type": "monitor_subscribe", "id": "mch_1", "interval_ms": 500, "include_processes": True}
