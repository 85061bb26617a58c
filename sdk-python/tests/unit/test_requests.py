"""What goes over the wire."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from pathlib import Path
from typing import Any, List

import fastvm
import httpx
import pytest
from conftest import MakeClient
from http2 import make_certificate
from wire import Answer, WireServer, json_answer

from .samples import RESULT, SNAPSHOT, VM

ID = VM["id"]


def test_a_call_says_who_it_is(connect: MakeClient) -> None:
    with WireServer(json_answer(200, [VM])) as server:
        assert connect(base_url=server.url).vms.list()[0].id == ID
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/v1/vms")
    assert request.headers["x-api-key"] == "My API Key"
    assert request.headers["accept"] == "application/json"
    assert request.headers["user-agent"] == f"fastvm-sdk-python/{fastvm.__version__}"
    assert "content-type" not in request.headers


def test_settings_come_from_the_environment(connect: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with WireServer(json_answer(200, [])) as server:
        monkeypatch.setenv("FASTVM_API_KEY", " from the environment ")
        monkeypatch.setenv("FASTVM_BASE_URL", server.url + "/prefix/")
        monkeypatch.setenv("FASTVM_CUSTOM_HEADERS", "X-One: 1\nnonsense\nX-Two: from the environment")
        client = connect(api_key=None, default_headers={"X-Two": "given"})
        client.vms.list()
    (request,) = server.requests
    assert request.path == "/prefix/v1/vms"
    assert request.headers["x-api-key"] == "from the environment"
    assert (request.headers["x-one"], request.headers["x-two"]) == ("1", "given")


def test_no_key_and_no_url_are_said_at_once(connect: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTVM_API_KEY", "")
    monkeypatch.setenv("FASTVM_BASE_URL", "")
    with pytest.raises(fastvm.FastvmError, match="set the FASTVM_API_KEY environment variable"):
        connect(api_key=None)
    with pytest.raises(fastvm.FastvmError, match="'example.com' is not an http or https URL"):
        connect(base_url="example.com")
    assert connect().base_url == "https://api.fastvm.org"


def test_a_launched_vm_is_deleted_at_the_end_of_its_block() -> None:
    gone = json_answer(404, {"error": "VM not found"})
    answers = [json_answer(201, VM), json_answer(200, {"id": ID, "deleted": True}), json_answer(201, VM), gone, json_answer(200, VM)]
    with WireServer(*answers) as server:
        client = fastvm.FastvmClient(base_url=server.url, api_key="k")
        with pytest.raises(ValueError), client.vms.launch(machine_type="c1m2") as vm:
            raise ValueError("the block is left")
        with client.vms.launch(machine_type="c1m2") as again:
            assert again.id == ID
        assert vm == client.vms.retrieve(ID) == vm
    launch, delete = ("POST", "/v1/vms"), ("DELETE", f"/v1/vms/{ID}")
    assert [(request.method, request.path) for request in server.requests[:4]] == [launch, delete, launch, delete]


def test_an_awaited_launch_is_deleted_at_the_end_of_its_block() -> None:
    async def work(url: str) -> None:
        async with fastvm.AsyncFastvmClient(base_url=url, api_key="k") as client:
            async with await client.vms.launch(machine_type="c1m2") as vm:
                assert vm.id == ID

    with WireServer(json_answer(201, VM), json_answer(200, {"id": ID, "deleted": True})) as server:
        asyncio.run(work(server.url))
    assert [request.method for request in server.requests] == ["POST", "DELETE"]


def test_a_launch_sends_what_was_given_and_nothing_else(connect: MakeClient) -> None:
    with WireServer(json_answer(201, VM)) as server:
        client = connect(base_url=server.url)
        client.vms.launch(machine_type="c1m2")
        client.vms.launch(
            snapshot_id="s",
            name="n",
            disk_gi_b=20,
            metadata={"a_b": "c"},
            env_vars={"A_B": "c"},
            firewall={"mode": "open"},
            ttl={"action": "pause", "seconds": 5},
            auto_resume=True,
            extra_headers={"x-extra": "1"},
            extra_query={"later": True},
            extra_body={"volumes": []},
        )
    first, second = server.requests
    assert first.json == {"machineType": "c1m2"}
    assert second.path == "/v1/vms?later=true"
    assert second.headers["x-extra"] == "1"
    assert second.json == {
        "snapshotId": "s",
        "name": "n",
        "diskGiB": 20,
        "metadata": {"a_b": "c"},
        "envVars": {"A_B": "c"},
        "firewall": {"mode": "open"},
        "ttl": {"action": "pause", "seconds": 5},
        "autoResume": True,
        "volumes": [],
    }


def test_an_update_tells_none_from_nothing(connect: MakeClient) -> None:
    with WireServer(json_answer(200, VM)) as server:
        client = connect(base_url=server.url)
        client.vms.update(ID, name="x")
        client.vms.update(ID, metadata={}, ttl=None)
    assert [request.json for request in server.requests] == [{"name": "x"}, {"metadata": {}, "ttl": None}]


def test_lists_are_filtered_by_status_and_metadata(connect: MakeClient) -> None:
    with WireServer(json_answer(200, [])) as server:
        client = connect(base_url=server.url)
        client.vms.list(status="running", metadata={"env": "prod & co"})
        client.vms.list(extra_query={"metadata.env": "prod"})
        client.snapshots.list(metadata={"a": "b"})
    assert [request.path for request in server.requests] == [
        "/v1/vms?status=running&metadata.env=prod%20%26%20co",
        "/v1/vms?metadata.env=prod",
        "/v1/snapshots?metadata.a=b",
    ]


def test_one_segment_stays_one_segment(connect: MakeClient) -> None:
    with WireServer(json_answer(200, {"id": "x", "deleted": True})) as server:
        client = connect(base_url=server.url)
        client.vms.ssh_keys.delete(ID, "SHA256:ab+c/d=")
        for wrong in ("", ".", ".."):
            with pytest.raises(fastvm.FastvmError, match="cannot be an id or a name"):
                client.vms.retrieve(wrong)
    assert [request.path for request in server.requests] == [f"/v1/vms/{ID}/ssh-keys/SHA256:ab+c%2Fd="]


def test_a_vm_is_named_by_itself_or_its_id(connect: MakeClient) -> None:
    with WireServer(json_answer(200, VM)) as server:
        client = connect(base_url=server.url)
        client.vms.pause(client.vms.retrieve(ID))
        with pytest.raises(fastvm.FastvmError, match="neither an id nor an object"):
            client.vms.retrieve(7)
    assert server.requests[1].path == f"/v1/vms/{ID}/pause"


def test_a_public_key_is_one_line(connect: MakeClient) -> None:
    key = {"publicKey": "ssh-ed25519 AAAA", "fingerprint": "SHA256:x", "createdAt": "2026-01-02T03:14:05Z"}
    with WireServer(json_answer(201, key)) as server:
        made = connect(base_url=server.url).vms.ssh_keys.add(ID, public_key="ssh-ed25519 AAAA me@laptop\n", name="laptop")
    assert server.requests[0].json == {"publicKey": "ssh-ed25519 AAAA me@laptop", "name": "laptop"}
    assert made.created_at.year == 2026


def test_a_string_is_run_by_a_shell_and_a_list_as_it_is(connect: MakeClient) -> None:
    with WireServer(json_answer(200, RESULT)) as server:
        client = connect(base_url=server.url)
        assert client.vms.run(ID, command="ls -la").exit_code == 0
        client.vms.run(ID, command=("python3", "-c", "1"), timeout_sec=3, stdin="hé", env={"A": "b"}, cwd="/", user="www-data")
    assert [request.json for request in server.requests] == [
        {"command": ["sh", "-c", "ls -la"]},
        {
            "command": ["python3", "-c", "1"],
            "timeoutSec": 3,
            "stdin": "aMOp",
            "env": {"A": "b"},
            "cwd": "/",
            "user": "www-data",
        },
    ]


def test_nothing_is_none(connect: MakeClient) -> None:
    with WireServer(Answer(204)) as server:
        assert connect(base_url=server.url).vms.services.delete(ID, "web") is None


def test_what_is_no_json_is_no_answer(connect: MakeClient) -> None:
    with WireServer(Answer(200, b"<html>")) as server, pytest.raises(fastvm.APIResponseValidationError, match="<html>"):
        connect(base_url=server.url).health()


def test_the_connection_is_kept(connect: MakeClient) -> None:
    with WireServer(json_answer(200, [])) as server:
        client = connect(base_url=server.url)
        for _ in range(5):
            client.vms.list()
    assert len({request.client for request in server.requests}) == 1


def test_a_redirect_elsewhere_does_not_get_the_key(connect: MakeClient) -> None:
    with WireServer(json_answer(200, [VM])) as elsewhere:
        target = elsewhere.url + "/there"
        with WireServer(Answer(307, b"", {"location": target}), Answer(307, b"", {"location": "/here"}), json_answer(200, [])) as server:
            client = connect(base_url=server.url)
            assert len(client.vms.list()) == 1
            assert client.vms.list() == []
    assert "x-api-key" not in elsewhere.requests[0].headers
    assert [(request.path, "x-api-key" in request.headers) for request in server.requests[1:]] == [("/v1/vms", True), ("/here", True)]


def test_a_client_of_ones_own_is_used_and_not_closed(loop: Any) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return httpx.Response(200, json=[SNAPSHOT])

    with httpx.Client(transport=httpx.MockTransport(answer)) as own:
        with fastvm.FastvmClient(api_key="k", base_url="http://nowhere.test", http_client=own) as client:
            assert client.snapshots.list()[0].name == "ready"
        assert not own.is_closed
    assert seen == ["/v1/snapshots"]


def test_the_certificates_that_are_trusted_are_read_once(
    connect: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: List[Any] = []

    load = ssl.SSLContext.load_verify_locations

    def counted(context: ssl.SSLContext, *args: Any, **kwargs: Any) -> None:
        read.append(args)
        load(context, *args, **kwargs)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    certificate = make_certificate(tmp_path)
    other = shutil.copy(certificate, tmp_path / "other.pem")
    for path in (certificate, other):
        read.clear()
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        for _ in range(3):
            connect()
        assert len(read) == 1
