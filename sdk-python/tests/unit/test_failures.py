"""What becomes of calls that do not go well."""

from __future__ import annotations

import socket
import time
from http.server import BaseHTTPRequestHandler
from typing import Any, Callable, Type

import fastvm
import httpx
import pytest
from conftest import MakeClient
from wire import QUICK, Answer, Request, WireServer, json_answer

from .samples import RESULT, VM

ID = VM["id"]
CLASSES = [
    (400, fastvm.BadRequestError),
    (401, fastvm.AuthenticationError),
    (403, fastvm.PermissionDeniedError),
    (404, fastvm.NotFoundError),
    (409, fastvm.ConflictError),
    (418, fastvm.APIStatusError),
    (422, fastvm.UnprocessableEntityError),
    (429, fastvm.RateLimitError),
    (500, fastvm.InternalServerError),
    (503, fastvm.InternalServerError),
]


@pytest.mark.parametrize(("status", "expected"), CLASSES)
def test_each_status_has_its_class(connect: MakeClient, status: int, expected: Type[fastvm.APIStatusError]) -> None:
    body = {"error": "No", "code": "vm_wrong_state", "hint": "Wait", "field": "name"}
    with WireServer(json_answer(status, body)) as server:
        with pytest.raises(fastvm.APIStatusError) as caught:
            connect(base_url=server.url, max_retries=0).vms.retrieve(ID)
    error = caught.value
    assert type(error) is expected
    assert str(error) == f"{status} No"
    assert (error.status_code, error.status, error.code, error.hint, error.field) == (status, status, "vm_wrong_state", "Wait", "name")
    assert error.body == body
    assert error.response.status_code == status


@pytest.mark.parametrize(
    ("text", "message"), [("gateway is down\n", "502 gateway is down"), ("", "502 no body"), ('{"detail": "d"}', "502 d"), ("[1]", "502 [1]")]
)
def test_a_body_of_another_make_is_shown_as_it_is(connect: MakeClient, text: str, message: str) -> None:
    with WireServer(Answer(502, text.encode())) as server, pytest.raises(fastvm.InternalServerError) as caught:
        connect(base_url=server.url, max_retries=0).health()
    assert str(caught.value) == message


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_what_may_pass_is_asked_for_three_times(connect: MakeClient, status: int) -> None:
    with WireServer(json_answer(status, {"error": "busy"}, QUICK)) as server, pytest.raises(fastvm.APIStatusError):
        connect(base_url=server.url).vms.list()
    assert len(server.requests) == 3


def test_the_first_good_answer_counts(connect: MakeClient) -> None:
    with WireServer(json_answer(429, {}, QUICK), json_answer(409, {}, QUICK), json_answer(200, [VM])) as server:
        assert len(connect(base_url=server.url).vms.list()) == 1


def test_the_servers_word_goes_before_the_status(connect: MakeClient) -> None:
    with WireServer(json_answer(500, {"error": "x"}, {"x-should-retry": "false"})) as no:
        with pytest.raises(fastvm.InternalServerError):
            connect(base_url=no.url).vms.list()
    assert len(no.requests) == 1
    with WireServer(json_answer(400, {}, {**QUICK, "x-should-retry": "true"}), json_answer(200, [])) as yes:
        assert connect(base_url=yes.url).vms.list() == []


def cut(_request: Request, connection: BaseHTTPRequestHandler) -> None:
    connection.close_connection = True
    connection.connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("lost", [cut, json_answer(502, {"error": "x"}, QUICK)])
def test_a_delete_was_carried_out_whose_answer_was_lost(connect: MakeClient, lost: Any) -> None:
    gone = json_answer(404, {"error": "VM not found"})
    with WireServer(lost, gone) as server:
        assert connect(base_url=server.url).vms.delete(ID).deleted is True
    assert len(server.requests) == 2
    with WireServer(lost, gone) as server:
        assert connect(base_url=server.url).vms.services.delete(ID, "web") is None
    busy = json_answer(503, {}, QUICK)
    for answers in ([gone], [busy, gone]):
        with WireServer(*answers) as server, pytest.raises(fastvm.NotFoundError):
            connect(base_url=server.url).vms.delete(ID)


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_what_was_never_sent_is_no_lost_delete(kind: Type[httpx.RequestError]) -> None:
    seen: "list[httpx.Request]" = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if len(seen) == 1:
            raise kind("no connection", request=request)
        return httpx.Response(404, json={"error": "VM not found"})

    transport = httpx.MockTransport(answer)
    with fastvm.FastvmClient(api_key="k", base_url="http://unused.invalid", http_client=httpx.Client(transport=transport)) as client:
        with pytest.raises(fastvm.NotFoundError):
            client.vms.delete(ID)
    assert len(seen) == 2


@pytest.mark.parametrize("body", [{"retryable": False}, {"error": {"details": {"retryable": False}}}])
def test_the_servers_word_may_be_in_the_body(connect: MakeClient, body: Any) -> None:
    with WireServer(json_answer(503, body, QUICK)) as server, pytest.raises(fastvm.InternalServerError):
        connect(base_url=server.url).vms.list()
    assert len(server.requests) == 1


CALLS: "list[Callable[[Any], Any]]" = [
    lambda client: client.vms.launch(machine_type="c1m2"),
    lambda client: client.vms.run(ID, command="true"),
    lambda client: list(client.vms.stream(ID, command="true")),
    lambda client: client.vms.fork(ID),
    lambda client: client.snapshots.create(ID),
    lambda client: client.vms.services.register(ID, "web", 8080),
    lambda client: client.vms.files.presign(ID, "/x"),
    lambda client: client.builds.create(image_ref="x"),
]


@pytest.mark.parametrize("call", CALLS)
def test_what_could_be_done_twice_is_asked_for_once(connect: MakeClient, call: Callable[[Any], Any]) -> None:
    with WireServer(json_answer(503, {"error": "busy"}, QUICK)) as server, pytest.raises(fastvm.InternalServerError):
        call(connect(base_url=server.url))
    assert len(server.requests) == 1


def test_unless_the_caller_says_so(connect: MakeClient) -> None:
    with WireServer(json_answer(503, {"error": "busy"}, QUICK), json_answer(200, RESULT)) as server:
        assert connect(base_url=server.url).vms.run(ID, command="true", max_retries=1).stdout == "hello\n"
    assert len(server.requests) == 2


@pytest.mark.parametrize(("headers", "seconds"), [({"retry-after": "0.3"}, 0.3), ({"retry-after-ms": "300"}, 0.3), ({}, 0.37)])
def test_it_waits_as_long_as_it_is_told(connect: MakeClient, headers: "dict[str, str]", seconds: float) -> None:
    with WireServer(json_answer(503, {}, headers), json_answer(200, [])) as server:
        started = time.monotonic()
        connect(base_url=server.url).vms.list()
        assert time.monotonic() - started >= seconds


def test_a_connection_that_is_refused(connect: MakeClient) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    with pytest.raises(fastvm.APIConnectionError, match="The connection failed: ") as caught:
        connect(base_url=f"http://127.0.0.1:{port}", max_retries=0).health()
    assert caught.value.__cause__ is not None


def hang_up(_: Request, connection: BaseHTTPRequestHandler) -> None:
    connection.close_connection = True


def test_a_connection_that_is_lost_is_made_again(connect: MakeClient) -> None:
    with WireServer(hang_up, json_answer(200, [VM])) as server:
        assert len(connect(base_url=server.url).vms.list()) == 1
    assert len(server.requests) == 2


def never(_: Request, connection: BaseHTTPRequestHandler) -> None:
    # Until the client goes away.
    connection.connection.recv(1)
    connection.close_connection = True


def test_a_server_that_does_not_answer(connect: MakeClient) -> None:
    with WireServer(never) as server:
        client = connect(base_url=server.url, timeout=1, max_retries=1)
        with pytest.raises(fastvm.APITimeoutError, match="No answer in time") as caught:
            client.vms.list()
        assert isinstance(caught.value, TimeoutError)
        assert isinstance(caught.value, fastvm.APIConnectionError)
        with pytest.raises(fastvm.APITimeoutError):
            client.vms.list(max_retries=0, timeout=1)
    assert len(server.requests) == 3


def trickle(request: Request, connection: BaseHTTPRequestHandler) -> None:
    """As a server does that waits for a long command."""
    connection.send_response(200)
    connection.send_header("content-type", "application/json")
    connection.send_header("connection", "close")
    connection.end_headers()
    for _ in range(5):
        connection.wfile.write(b" ")
        connection.wfile.flush()
        time.sleep(0.5)
    connection.wfile.write(b'{"exitCode": 0, "stdout": "late", "stderr": "", "timedOut": false}')
    connection.close_connection = True


def test_an_answer_that_trickles_is_waited_for(connect: MakeClient) -> None:
    with WireServer(trickle) as server:
        assert connect(base_url=server.url, timeout=2).vms.run(ID, command="sleep 1").stdout == "late"


def test_a_vm_that_will_not_run(connect: MakeClient) -> None:
    with WireServer(json_answer(202, {**VM, "status": "error", "statusReason": "no room"})) as server:
        with pytest.raises(fastvm.VMLaunchError, match=rf"VM {ID} did not start: its status is error \(no room\)") as caught:
            connect(base_url=server.url).vms.launch(machine_type="c1m2")
    assert (caught.value.vm_id, caught.value.status) == (ID, "error")


def test_a_vm_that_takes_its_time(connect: MakeClient) -> None:
    queued = {**VM, "status": "some later status"}
    with WireServer(json_answer(202, queued), json_answer(200, queued), json_answer(200, VM)) as server:
        vm = connect(base_url=server.url).vms.launch(machine_type="c1m2", poll_interval=0.5)
    assert vm.status == "running"
    assert [request.method for request in server.requests] == ["POST", "GET", "GET"]


def test_a_vm_that_takes_too_long(connect: MakeClient) -> None:
    with WireServer(json_answer(202, {**VM, "status": "provisioning"})) as server:
        client = connect(base_url=server.url)
        with pytest.raises(fastvm.VMNotReadyError, match="is not running after 0.1 s: its status is provisioning") as caught:
            client.vms.launch(machine_type="c1m2", wait_timeout=0.1)
        assert isinstance(caught.value, TimeoutError)
        assert client.vms.launch(machine_type="c1m2", wait=False).status == "provisioning"
        with pytest.raises(fastvm.VMNotReadyError):
            client.wait_for_vm_ready(ID, timeout=0.1)


def test_a_command_that_is_lost(connect: MakeClient) -> None:
    with WireServer(json_answer(200, {**RESULT, "exitCode": 255, "error": "The VM ended", "code": "vm_died"})) as server:
        with pytest.raises(fastvm.CommandLostError, match="The VM ended") as caught:
            connect(base_url=server.url).vms.run(ID, command="true")
    assert caught.value.code == "vm_died"
