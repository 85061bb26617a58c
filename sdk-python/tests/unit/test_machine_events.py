"""The stream of events against a server that cuts it off wherever it likes. The seed is in the test's name."""

from __future__ import annotations

import json
import random
import threading
from typing import Any, Dict, List

import pytest
from both import KINDS, Blocking, Loop
from fastvm._machines.events import StreamPlace
from fastvm._machines.queries import stream_filters
from sockets import SocketServer

import nullspace

from .test_machines import KEY, MACHINE


def event_of(number: int) -> Dict[str, Any]:
    return {
        "id": f"event-{number}",
        "operation": "timeout_updated",
        "status": "succeeded",
        "audience": "customer",
        "occurred_at": "2026-01-02T03:04:05.000Z",
        "machine_id": "mch_1",
    }


class History:
    """What the server knows: so many events, of which the last are still to happen."""

    def __init__(self, seed: int, count: int, happened: int) -> None:
        self.random = random.Random(seed)
        self.count = count
        self.happened = happened
        self.cuts = 0

    def answer(self, path: str) -> Any:
        if path.endswith("/ws") or "/ws?" in path:
            # As a daemon that is not back yet.
            return (503, [], b"") if self.random.random() < 0.2 else None
        if "/lifecycle?" in path:
            newest = [event_of(self.happened)] if self.happened else []
            return json_of({"events": newest, "offset": 0, "limit": 1, "has_more": True})
        return json_of(MACHINE)

    async def tell(self, socket: Any, query: Dict[str, str]) -> None:
        after = query.get("after_event_id")
        limit = int(query.get("replay_limit", "100"))
        start = int(after.split("-")[1]) if after else self.happened if query.get("live_only") else max(0, self.happened - limit)
        for number in range(start + 1, self.count + 1):
            if self.random.random() < 0.15:
                self.cuts += 1
                if self.random.random() < 0.3:
                    await socket.send(json.dumps({"type": "error", "code": "internal", "message": "cut"}))
                return
            if number > self.happened:
                await socket.send(json.dumps({"type": "live"}))
                self.happened = number
            await socket.send(json.dumps({"type": "event", "event": event_of(number)}))
        await socket.wait_closed()


def json_of(value: Any) -> Any:
    return (200, [("content-type", "application/json")], json.dumps(value).encode())


@pytest.fixture(params=KINDS)
def connect(request: Any, loop: Loop) -> Any:
    kind: Any = nullspace.Machine if request.param == "threads" else Blocking(nullspace.AsyncMachine, loop)
    return lambda server: kind.connect("mch_1", api_key=KEY, base_url=server.url)


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastvm._machines.events.FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("fastvm._machines.events.LAST_PAUSE_SECONDS", 0.01)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("options", "first"),
    [({}, 1), ({"live_only": True}, 31), ({"replay_limit": 10}, 21), ({"after_event_id": "event-12"}, 13), ({"replay_limit": 0}, 31)],
)
def test_each_event_comes_once_and_in_order(seed: int, options: Any, first: int, connect: Any) -> None:
    history = History(seed, count=80, happened=30)
    with SocketServer(history.tell, history.answer) as server:
        stream = connect(server).stream_events(**options)
        got: List[str] = []
        for event in stream:
            got.append(event.id)
            if len(got) == 81 - first:
                break
        stream.close()
    assert got == [f"event-{number}" for number in range(first, 81)]
    assert history.cuts > 0


def test_events_are_live_from_before_the_first_connection(connect: Any) -> None:
    """One that happens between the call and the connection is not lost, nor where there has been none before."""
    history = History(4, count=5, happened=0)
    with SocketServer(history.tell, history.answer) as server:
        stream = connect(server).stream_events(live_only=True)
        got = [event.id for _, event in zip(range(5), stream)]
        stream.close()
    assert got == [f"event-{number}" for number in range(1, 6)]


async def wait_for_close(socket: Any, _: Dict[str, str]) -> None:
    await socket.wait_closed()


def test_a_subscription_ends_when_it_is_told(connect: Any) -> None:
    history = History(5, count=3, happened=0)
    enough = threading.Event()
    heard: List[str] = []

    def on_event(event: Any) -> None:
        heard.append(event.id)
        if len(heard) == 3:
            enough.set()

    with SocketServer(history.tell, history.answer) as server:
        subscription = connect(server).subscribe(on_event)
        assert enough.wait(60)
        subscription.stop()
    assert heard == ["event-1", "event-2", "event-3"]


@pytest.mark.parametrize(
    ("message", "kind", "code"),
    [
        ({"type": "gap"}, nullspace.EventGapError, "event_gap"),
        ({"type": "error", "code": "machine_not_found", "message": "none"}, nullspace.NotFoundError, "machine_not_found"),
    ],
)
def test_what_ends_a_stream_goes_to_who_reads_it(message: Any, kind: Any, code: str, connect: Any) -> None:
    async def tell(socket: Any, _: Dict[str, str]) -> None:
        await socket.send(json.dumps(message))
        await socket.wait_closed()

    failed: List[Any] = []
    is_over = threading.Event()

    def fail(error: Any) -> None:
        failed.append(error)
        is_over.set()

    with SocketServer(tell, answer_machine) as server:
        machine = connect(server)
        with pytest.raises(kind) as caught:
            next(iter(machine.stream_events()))
        assert caught.value.code == code
        machine.subscribe(print, on_error=fail)
        assert is_over.wait(60)
    assert [type(error) for error in failed] == [kind]


def answer_machine(path: str) -> Any:
    return None if path.endswith("/ws") else json_of(MACHINE)


def test_a_key_that_is_not_known_is_told_at_once(connect: Any) -> None:
    def answer(path: str) -> Any:
        return (401, [], b"") if path.endswith("/ws") else json_of(MACHINE)

    with SocketServer(wait_for_close, answer) as server:
        with pytest.raises(nullspace.AuthError):
            next(iter(connect(server).stream_events()))


def test_it_gives_up_after_a_time_without_a_server(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with SocketServer(wait_for_close, answer_machine) as server:
        machine = connect(server)
    stream = machine.stream_events()
    target = getattr(stream, "_target", stream)
    target._give_up_seconds = 0.05
    with pytest.raises(nullspace.MachineConnectionError):
        next(iter(stream))


def test_the_place_grows_patient_and_forgets_it() -> None:
    place = StreamPlace()
    pauses = [place.pause() for _ in range(20)]
    assert pauses == sorted(pauses) and pauses[0] < pauses[-1]
    assert place.take('{"type": "live"}') is None
    assert place.pause() == pauses[0]


def test_filters_are_asked_for_anew_by_each_connection() -> None:
    filters = stream_filters(machine_id="mch_1", operation="destroy", status=None, metadata={"team": "a"})
    assert filters == {"machine_id": "mch_1", "operation": "destroy", "metadata": '{"team": "a"}'}
    place = StreamPlace(replay_limit=2, filters=filters)
    assert place.query() == {**filters, "replay_limit": "2"}
    place.take(json.dumps({"type": "event", "event": event_of(7)}))
    assert place.query() == {**filters, "after_event_id": "event-7"}
