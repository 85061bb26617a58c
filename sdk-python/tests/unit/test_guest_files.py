"""Files of a VM over a wire: what is sent, what comes in pieces, and how it ends."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import fastvm
import pytest
from conftest import MakeClient
from wire import QUICK, Answer, WireServer, json_answer

from .samples import VM
from .test_stream import stream_of

ID = VM["id"]
INFO = {"path": "/root/x", "name": "x", "type": "file", "sizeBytes": 1, "mode": "0644", "uid": 0, "gid": 0, "modifiedAt": "2026-01-02T03:14:05.678Z"}
CREATED = {"type": "create", "path": "/d/x"}


def line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n\n"


@pytest.mark.parametrize("content", ["ü", "ü".encode(), bytearray("ü".encode()), io.BytesIO("ü".encode()), [b"\xc3", b"\xbc"]])
def test_all_kinds_of_content_are_sent_as_bytes(connect: MakeClient, content: Any) -> None:
    if isinstance(content, io.BytesIO):
        content = io.BytesIO(content.getvalue())
    with WireServer(json_answer(200, INFO)) as server:
        written = connect(base_url=server.url).vms.files.write(ID, "a b+c&d", content, mode="0600")
    assert (written.size_bytes, written.modified_at.year) == (1, 2026)
    (request,) = server.requests
    assert (request.method, request.body, request.headers["content-type"]) == ("PUT", "ü".encode(), "application/octet-stream")
    assert parse_qs(urlsplit(request.path).query) == {"path": ["a b+c&d"], "mode": ["0600"]}


def test_bytes_are_sent_again_and_what_is_used_up_is_not(connect: MakeClient) -> None:
    busy = json_answer(503, {"message": "busy"}, QUICK)
    with WireServer(busy, json_answer(200, INFO), busy) as server:
        files = connect(base_url=server.url).vms.files
        files.write(ID, "x", b"x")
        with pytest.raises(fastvm.InternalServerError):
            files.write(ID, "x", [b"x"])
    assert len(server.requests) == 3


def test_text_in_place_of_bytes_is_refused(connect: MakeClient) -> None:
    with WireServer(json_answer(200, INFO)) as server, pytest.raises(fastvm.FastvmError, match="read bytes"):
        connect(base_url=server.url).vms.files.write(ID, "x", io.StringIO("x"))


def test_a_file_is_read_as_text_bytes_or_pieces(connect: MakeClient) -> None:
    with WireServer(Answer(200, b"a\xff", {"content-type": "application/octet-stream"})) as server:
        files = connect(base_url=server.url).vms.files
        assert files.read(ID, "x") == "a\N{REPLACEMENT CHARACTER}"
        assert files.read(ID, "x", format="bytes") == b"a\xff"
        assert b"".join(files.read(ID, "x", format="stream")) == b"a\xff"


@pytest.mark.parametrize("format", ["text", "bytes", "stream"])
def test_a_file_that_breaks_off_is_an_error(connect: MakeClient, format: str) -> None:
    def half(_: Any, connection: Any) -> None:
        connection.send_response(200)
        connection.send_header("content-length", "10")
        connection.end_headers()
        connection.wfile.write(b"half")
        connection.close_connection = True

    with WireServer(half) as server, pytest.raises(fastvm.APIConnectionError):
        list(connect(base_url=server.url).vms.files.read(ID, "x", format=format))


def test_pages_are_put_together(connect: MakeClient) -> None:
    def page(*names: str, more: bool) -> Answer:
        return json_answer(200, {"entries": [{**INFO, "path": f"/d/{name}"} for name in names], "hasMore": more})

    with WireServer(page("a", "b", more=True), page("c", more=False)) as server:
        found = connect(base_url=server.url).vms.files.list(ID, "/d", page_size=2)
    assert [info.path for info in found] == ["/d/a", "/d/b", "/d/c"]
    assert parse_qs(urlsplit(server.requests[1].path).query) == {"path": ["/d"], "limit": ["2"], "after": ["/d/b"]}


def test_a_watch_tells_events_and_why_there_are_no_more(connect: MakeClient) -> None:
    gone = {"type": "error", "path": "", "code": "file_not_found", "message": "gone"}
    with WireServer(stream_of(b"\n", line(CREATED), line(gone)), stream_of(line(CREATED))) as server:
        for end in (fastvm.WatchEndedError, fastvm.APIConnectionError):
            seen = []
            with connect(base_url=server.url).vms.files.watch(ID, "/d", recursive=True) as events, pytest.raises(end):
                for event in events:
                    seen.append(event.to_dict())
            assert seen == [CREATED]
    assert parse_qs(urlsplit(server.requests[0].path).query) == {"path": ["/d"], "recursive": ["true"]}


def test_a_watch_of_a_volume_tells_the_same(connect: MakeClient) -> None:
    with WireServer(stream_of(b"\n", line(CREATED))) as server:
        with connect(base_url=server.url).volumes.files.watch(ID, "/d", recursive=True) as events:
            assert next(event for event in events).to_dict() == CREATED
    asked = urlsplit(server.requests[0].path)
    assert (asked.path, parse_qs(asked.query)) == (f"/v1/volumes/{ID}/files/watch", {"path": ["/d"], "recursive": ["true"]})


def test_a_watch_that_is_not_read_is_closed(connect: MakeClient) -> None:
    with WireServer(stream_of(line(CREATED), line(CREATED))) as server:
        watch = connect(base_url=server.url).vms.files.watch(ID, "/d")
        watch.close()
        assert list(watch) == []
