"""The table of calls over the recorded wire."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from calls import CALLS, TABLE, assert_fails, assert_holds, filled, play, title
from conftest import MakeClient
from fastvm._generated import routes
from fastvm._route import Route
from wire import Answer, WireServer, json_answer

# Published clients ask for whatever comes.
ANY_ANSWER = {"vms.services.delete", "vms.bucketMounts.delete"}
WIRE: Dict[str, str] = TABLE["wire"]


def recorded(answer: Dict[str, Any]) -> Answer:
    if answer["status"] == 204:
        return Answer(204)
    if "lines" in answer:
        lines = "".join(f"{json.dumps(line)}\n" for line in answer["lines"])
        return Answer(200, lines.encode(), {"content-type": "application/x-ndjson"})
    if "text" in answer:
        return Answer(200, answer["text"].encode(), {"content-type": "application/octet-stream"})
    return json_answer(answer["status"], filled(answer["body"], WIRE), {"retry-after-ms": "1", **answer.get("headers", {})})


@pytest.mark.parametrize("call", CALLS, ids=title)
def test_it_is_as_the_table_has_it(connect: MakeClient, call: Dict[str, Any]) -> None:
    with WireServer(recorded(call["answer"])) as server:
        client = connect(base_url=server.url, max_retries=0)
        if "error" in call:
            assert_fails(client, call, WIRE)
        else:
            assert_holds(play(client, call, WIRE), filled(call["result"], WIRE))
    (request,) = server.requests
    expected = filled(call["request"], {**WIRE, "fingerprint": WIRE["fingerprint"].replace("/", "%2F")})
    assert (request.method, request.path) == (expected["method"], expected["path"])
    assert request.headers["accept"] == expected.get("accept", "application/json") or call["name"] in ANY_ANSWER
    if "text" in call["request"]:
        assert request.body.decode() == call["request"]["text"]
        return
    assert (json.loads(request.body) if request.body else None) == filled(call["request"].get("body"), WIRE)


def test_the_table_has_every_operation() -> None:
    there = {(call["request"]["method"], shape(call["request"]["path"])) for call in CALLS}
    known = {(route.method, shape(route.path)) for route in vars(routes).values() if isinstance(route, Route)}
    # For machines that watch, and of a user's own keys what is equal to a VM's.
    left_out = {("GET", "/livez"), ("GET", "/readyz"), ("POST", "/v1/me/ssh-keys"), ("DELETE", "/v1/me/ssh-keys/{}")}
    assert known - there == left_out


def shape(path: str) -> str:
    parts = path.split("?")[0].split("/")
    ids = {"vms", "snapshots", "services", "ssh-keys", "execs", "registries", "images", "builds", "snapshot-imports"}
    ids |= {"volumes", "bucket-mounts", "webhooks", "deliveries", "keys"}
    return "/".join("{}" if at > 0 and parts[at - 1] in ids else part for at, part in enumerate(parts))
