from __future__ import annotations

import base64
import gc
import json
import random
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any, Callable, List, Optional

import fastvm
import pytest
from conftest import MakeClient
from fastvm._exec import EventReader
from fastvm._lines import MAX_LINE_BYTES
from wire import Answer, Request, WireServer, json_answer

from .samples import VM

ID = VM["id"]


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def output(kind: str, data: bytes) -> bytes:
    return line(t=kind, d=base64.b64encode(data).decode())


def stream_of(*pieces: bytes, then: Optional[Callable[[BaseHTTPRequestHandler], None]] = None) -> Any:
    def answer(_: Request, connection: BaseHTTPRequestHandler) -> None:
        connection.send_response(200)
        connection.send_header("content-type", "application/x-ndjson")
        connection.send_header("connection", "close")
        connection.end_headers()
        for piece in pieces:
            connection.wfile.write(piece)
            connection.wfile.flush()
        if then is not None:
            then(connection)
        connection.close_connection = True

    return answer


def test_events_come_as_they_were_sent(connect: MakeClient) -> None:
    data = bytes(range(256))
    pieces = [output("o", data), b"\n", output("e", b"no"), line(t="later"), line(t="x", c=3, to=True, ms=7)]
    with WireServer(stream_of(*pieces)) as server:
        events = list(connect(base_url=server.url).vms.stream(ID, command="make -j8", timeout_sec=9))
    assert [(event.type, event.data) for event in events] == [("o", data), ("e", b"no"), ("x", b"")]
    assert (events[-1].exit_code, events[-1].timed_out, events[-1].duration_ms, events[-1].diagnostic) == (3, True, 7, None)
    assert (events[-1].t, events[-1].c, events[-1].to, events[-1].ms) == ("x", 3, True, 7)
    assert events[0].d == base64.b64encode(data).decode()
    (request,) = server.requests
    assert request.headers["accept"] == "application/x-ndjson"
    assert request.json == {"command": ["sh", "-c", "make -j8"], "timeoutSec": 9}


def test_zeros_that_are_left_out_are_zeros(connect: MakeClient) -> None:
    with WireServer(stream_of(line(t="x", d="not found"))) as server:
        (event,) = connect(base_url=server.url).vms.stream(ID, command=["x"])
    assert event == fastvm.ExecEvent("x", exit_code=0, timed_out=False, duration_ms=0, diagnostic="not found")


def test_output_comes_while_the_command_runs(connect: MakeClient) -> None:
    may_end = threading.Event()

    def wait(connection: BaseHTTPRequestHandler) -> None:
        may_end.wait(20)
        connection.wfile.write(line(t="x"))

    with WireServer(stream_of(output("o", b"first"), then=wait)) as server:
        events = iter(connect(base_url=server.url).vms.stream(ID, command="x"))
        assert next(events).data == b"first"
        may_end.set()
        assert next(events).type == "x"


def until_closed(closed: threading.Event) -> Callable[[BaseHTTPRequestHandler], None]:
    def wait(connection: BaseHTTPRequestHandler) -> None:
        try:
            if connection.connection.recv(1) == b"":
                closed.set()
        except OSError:
            closed.set()

    return wait


def test_leaving_its_with_ends_the_command(connect: MakeClient) -> None:
    closed = threading.Event()
    with WireServer(stream_of(output("o", b"x"), then=until_closed(closed))) as server:
        with connect(base_url=server.url).vms.stream(ID, command="yes") as stream:
            for event in stream:
                assert event.type == "o"
                break
        assert closed.wait(20)


def test_leaving_the_loop_ends_the_command() -> None:
    closed = threading.Event()
    with WireServer(stream_of(output("o", b"x"), then=until_closed(closed))) as server:
        with fastvm.FastvmClient(api_key="k", base_url=server.url) as client:
            for event in client.vms.stream(ID, command="yes"):
                assert event.type == "o"
                break
            assert closed.wait(20)


def test_what_is_sent_ahead_waits_for_its_reader(connect: MakeClient) -> None:
    sent: List[int] = []
    stalled = threading.Event()

    def flood(connection: BaseHTTPRequestHandler) -> None:
        piece = output("o", bytes(60_000))
        connection.connection.settimeout(1)
        try:
            for _ in range(1000):
                connection.wfile.write(piece)
                sent.append(len(piece))
        except OSError:
            stalled.set()

    with WireServer(stream_of(then=flood)) as server:
        with connect(base_url=server.url).vms.stream(ID, command="yes") as stream:
            assert next(iter(stream)).type == "o"
            assert stalled.wait(30)
    # All 80 MB would have been sent had the client read ahead without a bound.
    assert sum(sent) < 20_000_000


def test_an_end_before_the_exit_is_an_error(connect: MakeClient) -> None:
    with WireServer(stream_of(output("o", b"x"))) as server:
        with pytest.raises(fastvm.APIConnectionError, match="The stream ended before the command did"):
            list(connect(base_url=server.url).vms.stream(ID, command="x"))


def cut(_: Request, connection: BaseHTTPRequestHandler) -> None:
    connection.send_response(200)
    connection.send_header("transfer-encoding", "chunked")
    connection.end_headers()
    connection.wfile.write(b"1f\r\n")
    connection.close_connection = True


def test_a_connection_that_breaks_is_an_error(connect: MakeClient) -> None:
    with WireServer(cut) as server, pytest.raises(fastvm.APIConnectionError, match="The connection failed"):
        list(connect(base_url=server.url).vms.stream(ID, command="x"))


def test_a_lost_command_is_an_error(connect: MakeClient) -> None:
    with WireServer(stream_of(line(t="x", c=255, d="The VM ended", code="vm_died"))) as server:
        with pytest.raises(fastvm.CommandLostError, match="The VM ended"):
            list(connect(base_url=server.url).vms.stream(ID, command="x"))


def test_what_the_server_says_in_place_of_a_stream(connect: MakeClient) -> None:
    with WireServer(json_answer(409, {"error": "The VM is paused"})) as server:
        with pytest.raises(fastvm.ConflictError, match="409 The VM is paused"):
            list(connect(base_url=server.url).vms.stream(ID, command="x"))


def test_a_stream_that_falls_silent_times_out(connect: MakeClient) -> None:
    closed = threading.Event()
    with WireServer(stream_of(output("o", b"x"), then=until_closed(closed))) as server:
        with pytest.raises(fastvm.APITimeoutError):
            list(connect(base_url=server.url).vms.stream(ID, command="x", timeout=0.2))


def test_events_are_the_same_however_the_bytes_are_cut() -> None:
    whole = output("o", "ä€😀".encode() * 100) + b"\n" + output("e", b"") + line(t="x", c=1)[:-1]
    chance = random.Random(5)
    for _ in range(200):
        cuts = sorted(chance.randrange(len(whole) + 1) for _ in range(chance.randrange(12)))
        reader = EventReader()
        events: List[fastvm.ExecEvent] = []
        for start, end in zip([0, *cuts], [*cuts, len(whole)]):
            events += reader.feed(whole[start:end])
        events += reader.end()
        assert [(event.type, event.data) for event in events] == [("o", "ä€😀".encode() * 100), ("e", b""), ("x", b"")]


def test_lines_without_sense_or_end_are_refused() -> None:
    with pytest.raises(fastvm.APIResponseValidationError, match="cannot be read"):
        list(EventReader().feed(b"nope\n"))
    reader = EventReader()
    with pytest.raises(fastvm.APIResponseValidationError, match="is over"):
        for _ in range(MAX_LINE_BYTES // 2**20 + 1):
            list(reader.feed(bytes(2**20)))


def test_a_stream_that_nobody_reads_starts_nothing(connect: MakeClient) -> None:
    with WireServer(Answer(500)) as server:
        connect(base_url=server.url).vms.stream(ID, command="x").close()
        gc.collect()
    assert server.requests == []
