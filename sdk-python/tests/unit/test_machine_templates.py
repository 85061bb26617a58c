"""What the client asks of templates, and what it makes of answers."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from both import KINDS, Blocking, Loop
from wire import WireServer, json_answer

import nullspace

KEY = "ns_live_key"
BUILD: Dict[str, Any] = {
    "id": "tbd_1",
    "template": "app",
    "tag": "latest",
    "status": "queued",
    "error": None,
    "created_at": "2026-01-02T03:04:05.000Z",
}


@pytest.fixture(params=KINDS)
def templates(request: Any, loop: Loop) -> Any:
    return nullspace.Template if request.param == "threads" else Blocking(nullspace.AsyncTemplate, loop)


def page(lines: List[str], next_offset: int, complete: bool) -> Any:
    return json_answer(200, {"lines": lines, "next_offset": next_offset, "complete": complete})


def test_a_template_is_built_step_by_step_and_followed(templates: Any) -> None:
    builder = nullspace.TemplateBuilder.from_python("3.13-slim").pip_install("flask").set_runtime_envs({"A_b": "c"})
    builder.set_start_cmd("flask run", wait_for_port=5000)
    ready = {**BUILD, "status": "ready", "promoted_tags": ["latest"]}
    answers = [json_answer(201, BUILD), page(["one"], 1, False), page(["two"], 2, True), json_answer(200, ready)]
    lines: List[str] = []
    with WireServer(*answers) as server:
        build = templates.build("app", builder, tag="v1", memory_mb=512, on_log=lines.append, api_key=KEY, base_url=server.url)
    assert (lines, build.promoted_tags) == (["one", "two"], ["latest"])
    assert [f"{request.method} {request.path}" for request in server.requests] == [
        "POST /v1/templates",
        "GET /v1/template-builds/tbd_1/logs?offset=0&wait_ms=20000",
        "GET /v1/template-builds/tbd_1/logs?offset=1&wait_ms=20000",
        "GET /v1/template-builds/tbd_1",
    ]
    assert server.requests[0].json == {
        "name": "app",
        "tag": "v1",
        "definition": {
            "base_image": "python:3.13-slim",
            "steps": [{"kind": "pip_install", "packages": ["flask"]}],
            "build_envs": {},
            "runtime_envs": {"A_b": "c"},
            "start": {"command": "flask run", "wait_for_port": 5000},
        },
        "resources": {"memory_mb": 512},
    }


def test_a_build_that_fails_is_an_error_that_says_why(templates: Any) -> None:
    failed = {**BUILD, "status": "failed", "error": "no such package"}
    with WireServer(json_answer(201, BUILD), page([], 0, True), json_answer(200, failed)) as server:
        with pytest.raises(nullspace.MachineError) as caught:
            templates.build("app", nullspace.TemplateBuilder.from_template("base"), api_key=KEY, base_url=server.url)
    assert caught.value.code == "template_build_failed" and "no such package" in str(caught.value)


def test_a_tag_is_let_mean_another_build(templates: Any) -> None:
    answer = {"id": "tpl_1", "canonical_ref": "app:latest", "tags": []}
    with WireServer(json_answer(200, answer)) as server:
        promoted = templates.promote("app", "tbd_1", tag="v1", api_key=KEY, base_url=server.url)
    (request,) = server.requests
    assert (request.path, request.json) == ("/v1/templates/app/promote", {"build_id": "tbd_1", "tag": "v1"})
    assert promoted.canonical_ref == "app:latest"
