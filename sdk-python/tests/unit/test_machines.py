"""What the client of machines sends, and what it makes of answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import fastvm
import pytest
from both import KINDS, Blocking, Loop
from fastvm import machines as public
from fastvm._machines import models
from fastvm._model import attributes_of
from wire import QUICK, Answer, WireServer, json_answer

import nullspace

DOCUMENT = Path(__file__).resolve().parents[3] / "packages" / "contract" / "src" / "api" / "machines" / "openapi.json"
KEY = "ns_live_key"
MACHINE: Dict[str, Any] = {
    "id": "mch_1",
    "status": "running",
    "config": {"vcpus": 1, "memory_mb": 256, "disk_mb": 10240},
    "template": "base",
    "metadata": {},
    "created_at": "2026-01-02T03:04:05.000Z",
    "snapshot_id": None,
    "traffic_access_token": None,
}


@pytest.fixture(params=KINDS)
def machines(request: Any, loop: Loop) -> Any:
    return nullspace.Machine if request.param == "threads" else Blocking(nullspace.AsyncMachine, loop)


def failure(code: str, status: int, **fields: Any) -> Answer:
    body = {"error": "why", "code": code, "message": "why", "request_id": "req_1", "suggested_action": "do", **fields}
    return json_answer(status, body, QUICK)


def test_the_key_goes_where_machines_have_it(machines: Any) -> None:
    with WireServer(json_answer(200, [])) as server:
        assert machines.list(api_key=KEY, base_url=server.url) == []
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/v1/machines")
    assert request.headers["authorization"] == f"Bearer {KEY}" and "x-api-key" not in request.headers


def test_settings_come_from_the_environment(machines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NULLSPACE_API_KEY", raising=False)
    with pytest.raises(nullspace.AuthError) as missing:
        machines.list()
    assert missing.value.code == "missing_api_key"
    with WireServer(json_answer(200, [])) as server:
        monkeypatch.setenv("NULLSPACE_API_KEY", KEY)
        monkeypatch.setenv("NULLSPACE_API_URL", server.url)
        machines.list()
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_an_order_is_one_however_often_it_is_sent(machines: Any) -> None:
    creating = {**MACHINE, "status": "creating", "traffic_access_token": "told once"}
    answers = [Answer(503, b"", QUICK), json_answer(201, creating), json_answer(200, MACHINE)]
    with WireServer(*answers) as server:
        machine = machines.create(
            timeout=1.0001,
            on_timeout="pause",
            auto_resume=True,
            envs={"A_b": "c"},
            network={"egress": nullspace.NetworkEgressPolicy.deny_all()},
            warm_pool="twp_1",
            warm_pool_mode="require",
            warm_pool_wait_ms=250,
            api_key=KEY,
            base_url=server.url,
        )
    first, second, look = server.requests
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.json == second.json == {
        "timeout_ms": 1001,
        "timeout_action": "hibernate",
        "auto_resume": True,
        "envs": {"A_b": "c"},
        "network": {"egress": {"mode": "deny_all"}},
        "warm_pool": {"id": "twp_1", "mode": "require", "wait": 250},
    }
    assert look.path == "/v1/machines/mch_1" and machine.id == "mch_1"
    assert machine.traffic_access_token == "told once"


def test_a_mask_gives_plain_dictionaries(machines: Any) -> None:
    page = {"machines": [{"id": "mch_1", "status": "paused"}], "next_token": "more"}
    with WireServer(json_answer(200, page)) as server:
        found = machines.list(fields=["id", "status"], state=["paused", "running"], api_key=KEY, base_url=server.url)
    assert (found, found.next_token) == ([{"id": "mch_1", "status": "paused"}], "more")
    assert server.requests[0].path == "/v1/machines?state=paused%2Crunning&fields=id%2Cstatus"


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("invalid_fields", 400, nullspace.InvalidRequestError),
        ("unauthorized", 401, nullspace.AuthError),
        ("preview_grant_disabled", 403, nullspace.PermissionDeniedError),
        ("machine_not_found", 404, nullspace.NotFoundError),
        ("machine_not_ready", 409, nullspace.ConflictError),
        ("warm_pool_unavailable", 503, nullspace.MachineError),
        ("quota_exceeded", 429, nullspace.LimitError),
        ("exec_timeout", 504, nullspace.TimeoutError),
        ("some_later_code", 418, nullspace.MachineError),
    ],
)
def test_errors_are_typed_by_their_code(code: str, status: int, kind: Any, machines: Any) -> None:
    with WireServer(failure(code, status, retryable=False, field="x")) as server:
        with pytest.raises(nullspace.MachineError) as caught:
            machines.get_info_by_id("mch_1", api_key=KEY, base_url=server.url)
    error = caught.value
    assert type(error) is kind and issubclass(kind, fastvm.FastvmError)
    assert (error.code, error.status_code, error.request_id) == (code, status, "req_1")
    assert (error.message, error.suggested_action, error.retryable, error.field) == ("why", "do", False, "x")
    # The server said that it is of no use.
    assert len(server.requests) == 1


def test_what_may_pass_is_asked_again(machines: Any) -> None:
    with WireServer(failure("machine_not_ready", 409, retryable=True), json_answer(200, MACHINE)) as server:
        assert machines.get_info_by_id("mch_1", api_key=KEY, base_url=server.url).id == "mch_1"


def test_no_server_is_an_error_of_machines(machines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastvm._machines.config.DEFAULT_MAX_RETRIES", 0)
    with pytest.raises(nullspace.MachineConnectionError) as caught:
        machines.list(api_key=KEY, base_url="http://127.0.0.1:9")
    assert (caught.value.code, caught.value.retryable) == ("connection_failed", True)


def test_connect_resumes_what_is_paused_and_nothing_else(machines: Any) -> None:
    paused = {**MACHINE, "status": "paused", "snapshot_id": "snap_1_p1"}
    with WireServer(json_answer(200, paused), json_answer(201, {**MACHINE, "id": "mch_1_2"})) as server:
        assert machines.connect("mch_1", api_key=KEY, base_url=server.url).id == "mch_1_2"
    assert [(each.method, each.path) for each in server.requests][1] == ("POST", "/v1/machines/mch_1/resume")
    with WireServer(json_answer(200, MACHINE)) as server:
        machines.connect("mch_1", api_key=KEY, base_url=server.url)
    assert len(server.requests) == 1
    with WireServer(json_answer(200, {**MACHINE, "status": "error", "status_reason": "broken"})) as server:
        with pytest.raises(nullspace.ConflictError, match="error: broken"):
            machines.connect("mch_1", api_key=KEY, base_url=server.url)


def test_one_command_leaves_nothing_whatever_comes_of_it(machines: Any) -> None:
    end = json_answer(200, {"id": "mch_1", "status": "destroyed"})
    with WireServer(json_answer(201, MACHINE), failure("exec_failed", 500, retryable=False), end) as server:
        with pytest.raises(nullspace.ExecError):
            machines.run_once("false", timeout=5, api_key=KEY, base_url=server.url)
    assert [each.method for each in server.requests] == ["POST", "POST", "DELETE"]
    assert server.requests[1].json == {"command": "false", "timeout_secs": 5}


def test_contradictions_are_told_before_anything_is_sent(machines: Any) -> None:
    with WireServer(json_answer(201, MACHINE)) as server:
        for options in ({"on_timeout": "sleep"}, {"on_timeout": "pause", "timeout_action": "destroy"}):
            with pytest.raises(nullspace.InvalidRequestError):
                machines.create(**options, api_key=KEY, base_url=server.url)
        machine = machines.connect("mch_1", api_key=KEY, base_url=server.url)
        with pytest.raises(nullspace.InvalidRequestError):
            machine.commands.run("ls", ["-l"], shell=True)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://8080-mch_1.example.com/a?edge_token=abc&page=2", "https://8080-mch_1.example.com/a?edge_token=[redacted]&page=2"),
        ("wss://h/?x=1&edge%5Ftoken=abc#token=def", "wss://h/?x=1&edge%5Ftoken=[redacted]#token=[redacted]"),
        ("https://user:secret@h/p?__ns_preview_transport=header", "https://[redacted]@h/p?__ns_preview_transport=header"),
        ("https://h/p?q=a%20b+c&flag", "https://h/p?q=a%20b+c&flag"),
        ("localhost:32768/?edge_token=abc", "localhost:32768/?edge_token=[redacted]"),
        ("fve_" + "0123456789" * 4, "fve_…[redacted]"),
        ("", ""),
    ],
)
def test_urls_are_redacted(url: str, redacted: str) -> None:
    assert nullspace.redact_preview_url(url) == redacted


def test_tokens_are_redacted() -> None:
    token = "nsp_" + "0123456789" * 4
    assert nullspace.redact_preview_token(token) == "nsp_…[redacted]"
    assert nullspace.redact_preview_token("short") == "[redacted]"
    assert nullspace.redact_preview_token(None) == ""


def test_both_clients_have_the_same() -> None:
    def names(kind: type) -> Any:
        return {name for name in dir(kind) if not name.startswith("_")} - {"close", "aclose"}

    for name in ("Machine", "Lifecycle", "BackgroundCommand", "EventStream", "Subscription", "Keepalive"):
        assert names(getattr(public, name)) == names(getattr(public, f"Async{name}"))


def test_the_alias_has_all_of_it() -> None:
    assert nullspace.Machine is fastvm.Machine is public.Machine
    assert nullspace.AsyncMachine is fastvm.AsyncMachine
    assert nullspace.__version__ == fastvm.__version__
    assert {name for name in vars(public) if not name.startswith("_")} <= set(vars(nullspace))


#: The description's name of each model's schema.
SCHEMAS = {
    "VolumeInfo": "Volume",
    "VolumeAttachmentInfo": "VolumeAttachment",
    "VolumeHealth": "AttachmentHealth",
    "MachineInfo": "Machine",
    "MachineLease": "Lease",
    "MachineSnapshot": "Snapshot",
    "CommandResult": "ExecResult",
    "ProcessInfo": "Process",
    "ProcessLogs": "ProcessLogs",
    "MachineFile": "File",
    "MachineFileList": "FileList",
    "MachineUpload": "Upload",
    "UploadPart": "UploadPart",
    "CompletedUpload": "CompletedUpload",
    "TransferUrl": "TransferUrl",
    "SshAccess": "SshAccess",
    "HostInfo": "MachineHost",
    "FileMatch": "FileMatch",
    "SearchResult": "SearchResult",
    "ReplacedFile": "ReplacedFile",
    "ReplaceResult": "ReplaceResult",
    "PreviewGrantInfo": "PreviewGrant",
    "PreviewUrl": "SignedPreviewUrl",
    "PreviewProxyTarget": "PreviewProxyTarget",
    "PreviewReadiness": "PreviewReadiness",
    "LifecycleEvent": "LifecycleEvent",
    "LifecycleEventList": "LifecycleList",
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_models_have_no_field_that_the_server_has_not(name: str) -> None:
    """What the server has beyond them is reached by its name too."""
    schema = json.loads(DOCUMENT.read_text(encoding="utf-8"))["components"]["schemas"][SCHEMAS[name]]
    assert set(attributes_of(getattr(models, name))) <= set(schema["properties"])


def test_a_field_of_a_later_server_is_there() -> None:
    info = models.MachineInfo.from_dict({**MACHINE, "warm_pool_checkout": {"hit": True}, "later": 1})
    assert (info.warm_pool_checkout, info.later) == ({"hit": True}, 1)  # type: ignore[attr-defined]
