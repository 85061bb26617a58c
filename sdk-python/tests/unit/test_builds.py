"""Builds: what is sent, what is told while they go, and how they end."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any, Dict, List, Optional

import fastvm
import pytest
from conftest import MakeClient
from fastvm._dockerignore import Dockerignore, context_files
from wire import Answer, Request, WireServer, json_answer

from .samples import SNAPSHOT

BUILD: Dict[str, Any] = {
    "id": "0198c7a5-3c2d-7a11-9e0f-6b5d4c3a2f1e",
    "status": "completed",
    "createdAt": "2026-01-02T03:14:05Z",
    "imageRef": "",
    "snapshotId": SNAPSHOT["id"],
}
LINES = [{"t": "p", "d": "buildah bud"}, {"t": "l", "d": "STEP 1/2: FROM debian"}, {"t": "later"}, {"t": "l"}]
END = {"t": "x", "status": "completed", "snapshotId": SNAPSHOT["id"]}


class Server(WireServer):
    """Answers by what it is asked for. `looks`: the build, one after the other, the last for ever."""

    def __init__(self, looks: Optional[List[Dict[str, Any]]] = None, log: Optional[List[Dict[str, Any]]] = None) -> None:
        super().__init__(lambda request, _connection: self.answer(request))
        self.looks = looks or [BUILD]
        self.log = [*LINES, END] if log is None else log
        self.asked = 0

    def __enter__(self) -> "Server":
        return self

    def answer(self, request: Request) -> Answer:
        if request.path == "/v1/build-contexts/presign":
            return json_answer(200, {"uploadUrl": f"{self.url}/put", "downloadUrl": f"{self.url}/get", "expiresInSec": 60, "maxUploadBytes": 1 << 30})
        if request.path.startswith("/v1/snapshots/"):
            return json_answer(200, SNAPSHOT)
        if request.path.endswith("/logs"):
            return Answer(200, b"".join(json.dumps(each).encode() + b"\n" for each in self.log), {"content-type": "application/x-ndjson"})
        if request.path == "/v1/builds":
            return json_answer(202, {**BUILD, "status": "pending", "snapshotId": None})
        if request.method == "PUT":
            return Answer()
        look = self.looks[min(self.asked, len(self.looks) - 1)]
        self.asked += 1
        return json_answer(200, look)

    def of(self, method: str, path: str) -> Request:
        (found,) = [each for each in self.requests if (each.method, each.path) == (method, path)]
        return found


@pytest.fixture
def context(tmp_path: Path) -> Path:
    for name, text in {"Dockerfile": "FROM debian\nCOPY . /srv\n", ".dockerignore": "secret\n", "secret": "", "app.py": "print()"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_folder_is_sent_and_becomes_a_snapshot(connect: MakeClient, context: Path) -> None:
    lines: List[str] = []
    with Server([{**BUILD, "status": "running", "snapshotId": None}, BUILD]) as server:
        snapshot = connect(base_url=server.url).build(
            context_dir=str(context), tag="app", build_args={"A": "1"}, secrets={"token": "x"}, no_cache=True, on_log=lines.append, poll_interval=0.5
        )
    assert snapshot.id == SNAPSHOT["id"]
    assert lines == ["STEP 1/2: FROM debian", ""]
    put = server.of("PUT", "/put")
    assert put.headers["content-type"] == "application/gzip"
    # The URL is the right to it.
    assert "authorization" not in put.headers and "x-api-key" not in put.headers
    with tarfile.open(fileobj=io.BytesIO(put.body), mode="r:gz") as archive:
        assert sorted(name.replace("./", "") for name in archive.getnames()) == [".dockerignore", "Dockerfile", "app.py"]
    assert server.of("POST", "/v1/builds").json == {
        "dockerfileContent": "FROM debian\nCOPY . /srv\n",
        "contextDownloadUrl": f"{server.url}/get",
        "tag": "app",
        "buildArgs": {"A": "1"},
        "secrets": {"token": "x"},
        "noCache": True,
    }


def test_a_dockerfile_alone_needs_no_context_and_a_text_goes_before_the_folders(connect: MakeClient, context: Path) -> None:
    with Server() as server:
        client = connect(base_url=server.url)
        client.build(dockerfile="FROM scratch")
        assert [each.path for each in server.requests] == ["/v1/builds", f"/v1/builds/{BUILD['id']}", f"/v1/snapshots/{SNAPSHOT['id']}"]
        assert server.requests[0].json == {"dockerfileContent": "FROM scratch"}
        client.start_build(dockerfile="FROM other", context_dir=str(context))
        assert server.requests[-1].json["dockerfileContent"] == "FROM other"
        (context / "Other.dockerfile").write_text("FROM third", encoding="utf-8")
        client.start_build(context_dir=str(context), dockerfile_path="Other.dockerfile")
        assert server.requests[-1].json["dockerfileContent"] == "FROM third"


def test_a_failure_says_why(connect: MakeClient) -> None:
    with Server([{**BUILD, "status": "failed", "error": "make: no rule", "snapshotId": None}]) as server:
        with pytest.raises(fastvm.BuildError, match="make: no rule") as caught:
            connect(base_url=server.url).build(dockerfile="FROM debian")
    assert (caught.value.build_id, caught.value.reason) == (BUILD["id"], "make: no rule")


def test_a_status_of_a_later_server_means_in_progress_until_the_time_is_over(connect: MakeClient) -> None:
    with Server([{**BUILD, "status": "dreaming", "snapshotId": None}]) as server:
        with pytest.raises(fastvm.BuildNotReadyError, match="dreaming") as caught:
            connect(base_url=server.url).builds.wait(BUILD["id"], poll_interval=0.5, timeout=0)
    assert isinstance(caught.value, TimeoutError)


def test_events_come_in_order_and_the_last_is_the_end(connect: MakeClient) -> None:
    with Server() as server:
        events = list(connect(base_url=server.url).builds.follow(BUILD["id"]))
        assert server.requests[0].headers["accept"] == "application/x-ndjson"
    said = [each.progress if each.line is None and each.status is None else each.line if each.status is None else each.status for each in events]
    assert list(zip((each.type for each in events), said)) == [
        ("progress", "buildah bud"),
        ("log", "STEP 1/2: FROM debian"),
        ("log", ""),
        ("end", "completed"),
    ]
    assert events[-1].snapshot_id == SNAPSHOT["id"]


@pytest.mark.parametrize(
    ("log", "message"),
    [(LINES, "ended before the build did"), ([*LINES, {"t": "x", "code": "internal", "d": "the daemon ends"}], "cut off: the daemon ends")],
)
def test_a_stream_that_breaks_off_is_no_end_of_the_build(connect: MakeClient, log: List[Dict[str, Any]], message: str) -> None:
    with Server(log=log) as server, pytest.raises(fastvm.APIConnectionError, match=message):
        list(connect(base_url=server.url).builds.follow(BUILD["id"]))


def test_a_folder_that_is_not_there_is_told_of_before_anything_is_sent(connect: MakeClient, tmp_path: Path) -> None:
    with Server() as server:
        with pytest.raises(fastvm.FileTransferError, match="none"):
            connect(base_url=server.url).build(dockerfile="FROM scratch", context_dir=str(tmp_path / "none"))
    assert server.requests == []


@pytest.mark.parametrize(
    ("text", "out", "kept"),
    [
        ("a", ["a", "a/b"], ["b", "b/a", "ab"]),
        ("*/temp*", ["x/temp", "x/temporary.txt", "x/temp/y"], ["temp", "x/y/temp"]),
        ("**/*.go", ["a.go", "x/a.go", "x/y/a.go"], ["a.got", "go"]),
        ("dist/**", ["dist/a", "dist/a/b"], ["dist", "x/dist/a"]),
        ("*.md\n!README*.md\nREADME-secret.md", ["a.md", "README-secret.md"], ["README.md", "README-1.md"]),
        ("secret\n!secret/public", ["secret", "secret/key"], ["secret/public", "secret/public/a"]),
        ("# a comment\n\n  b  \n", ["b"], ["# a comment", "a"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "[a-c]x"]),
        ("a/./b/../c", ["a/c"], ["a/b"]),
    ],
)
def test_what_is_left_out_is_as_docker_has_it(text: str, out: List[str], kept: List[str]) -> None:
    ignore = Dockerignore(text)
    assert [path for path in out if not ignore.leaves_out(path)] == []
    assert [path for path in kept if ignore.leaves_out(path)] == []


def test_the_dockerfiles_own_list_goes_before_the_folders(context: Path) -> None:
    assert context_files(str(context), "Dockerfile") == [".dockerignore", "Dockerfile", "app.py"]
    (context / "Dockerfile.dockerignore").write_text("app.py\n.*\n*.dockerignore\n", encoding="utf-8")
    assert context_files(str(context), "Dockerfile") == ["Dockerfile", "secret"]
