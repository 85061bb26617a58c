"""The flat client's manners."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Awaitable, Callable, Dict

import fastvm
import pytest
from http2 import Http2Server, make_certificate
from wire import QUICK, Answer, WireServer, json_answer

from .samples import RESULT, SNAPSHOT, VM

OK = json_answer(200, {"status": "ok"})


def within(server: WireServer, work: Callable[[fastvm.FastVM], Awaitable[Any]]) -> Any:
    """Its first request is the one that opens the connection."""
    server.answers.insert(0, OK)

    async def whole() -> Any:
        async with fastvm.FastVM(api_key="k", base_url=server.url) as client:
            return await work(client)

    return asyncio.run(whole())


def test_a_vm_has_the_attributes_of_its_document() -> None:
    wire = {**VM, "firewall": {"mode": "restricted", "ingress": [{"protocol": "tcp", "portStart": 22, "sourceCidrs": ["::/0"]}]}}
    with WireServer(json_answer(200, wire)) as server:
        vm = within(server, lambda client: client.get("x"))
    assert (vm.memory_mib, vm.disk_gib, vm.created_at[:10], vm.source_name, vm.public_ipv6) == (2048, 10, "2026-01-02", "", None)
    assert vm.firewall == fastvm.FirewallPolicy("restricted", [fastvm.FirewallRule("tcp", 22, source_cidrs=["::/0"])])
    assert server.requests[1].headers["user-agent"].startswith("fastvm-flat-python/")


def test_a_policy_of_the_newer_dialect_is_none() -> None:
    with WireServer(json_answer(200, [VM])) as server:
        (vm,) = within(server, lambda client: client.list())
    assert vm.firewall is None


@pytest.mark.parametrize("given", [None, "my-vm"])
def test_a_launch_names_its_vm_and_waits_for_it(given: Any) -> None:
    waiting = json_answer(202, {**VM, "status": "provisioning"})
    with WireServer(waiting, waiting, json_answer(200, VM)) as server:
        vm = within(server, lambda client: client.launch(name=given, disk_gib=20))
    assert vm.status == "running"
    body: Dict[str, Any] = server.requests[1].json
    assert body["machineType"] == "c1m2" and body["diskGiB"] == 20
    assert body["name"] == given or len(body["name"]) == 36
    assert [request.method for request in server.requests] == ["GET", "POST", "GET", "GET"]


def test_a_snapshot_is_waited_for() -> None:
    creating = json_answer(201, {**SNAPSHOT, "status": "creating"})
    with WireServer(creating, json_answer(200, SNAPSHOT)) as server:
        assert within(server, lambda client: client.snapshot("x", name="n")).status == "ready"
    assert server.requests[1].json == {"vmId": "x", "name": "n"}


def test_a_snapshot_that_fails_or_takes_too_long() -> None:
    with WireServer(json_answer(201, {**SNAPSHOT, "status": "error", "statusReason": "full"})) as server:
        with pytest.raises(fastvm.SnapshotError, match=r"its status is error \(full\)"):
            within(server, lambda client: client.snapshot("x"))
    with WireServer(json_answer(201, {**SNAPSHOT, "status": "creating"})) as server:
        with pytest.raises(fastvm.SnapshotNotReadyError, match="is not ready after 0.3 s"):
            within(server, lambda client: client.snapshot("x", timeout=0.3))


def test_a_command_is_sent_again_after_what_may_pass() -> None:
    busy = [json_answer(status, {"error": "busy"}, QUICK) for status in (502, 503, 504)]
    with WireServer(*busy, json_answer(200, RESULT)) as server:
        assert within(server, lambda client: client.run("x", "echo hello")).stdout == "hello\n"
    assert len(server.requests) == 5
    assert server.requests[1].json == {"command": ["sh", "-c", "echo hello"]}


@pytest.mark.parametrize(("answers", "requests"), [([502] * 5, 5), ([500], 2), ([409], 2)])
def test_but_not_forever_and_not_after_anything_else(answers: "list[int]", requests: int) -> None:
    with WireServer(*[json_answer(status, {"error": "no"}, QUICK) for status in answers]) as server:
        with pytest.raises(fastvm.APIStatusError):
            within(server, lambda client: client.run("x", ["true"]))
    assert len(server.requests) == requests


def test_a_fork_whose_child_fails_leaves_none() -> None:
    result = {"children": [{"vm": VM}, {"error": {"error": "no room"}}], "pauseMs": 1, "dirtyBytes": 1, "durationMs": 1}
    with WireServer(json_answer(201, result), json_answer(200, {"id": VM["id"], "deleted": True})) as server:
        with pytest.raises(fastvm.ForkError, match="1 of 2 children did not start: no room"):
            within(server, lambda client: client.fork("x", count=2))
    assert (server.requests[2].method, server.requests[2].path) == ("DELETE", f"/v1/vms/{VM['id']}")


def test_a_server_that_is_not_there_leaves_nothing_open() -> None:
    async def enter() -> None:
        async with fastvm.FastVM(api_key="k", base_url="http://127.0.0.1:9"):
            raise AssertionError("it was entered")

    started = time.monotonic()
    with pytest.raises(fastvm.APIConnectionError):
        asyncio.run(enter())
    assert time.monotonic() - started < 30


def test_all_calls_share_one_connection_of_http2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with Http2Server(certificate, [VM]) as server:

        async def whole() -> None:
            async with fastvm.FastVM(api_key="k", base_url=server.url) as client:
                await asyncio.gather(*(client.list() for _ in range(20)))

        # Of the list that it answers to `/healthz` too, nothing is read.
        asyncio.run(whole())
        assert server.paths.count("/v1/vms") == 20
        assert len(server.connections) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with Http2Server(make_certificate(tmp_path), [VM]) as server:
        with fastvm.FastvmClient(api_key="k", base_url=server.url, max_retries=0) as client:
            with pytest.raises(fastvm.APIConnectionError, match="certificate"):
                client.vms.list()


def test_an_answer_without_sense() -> None:
    with WireServer(Answer(200, b"[")) as server, pytest.raises(fastvm.APIResponseValidationError):
        within(server, lambda client: client.list())
