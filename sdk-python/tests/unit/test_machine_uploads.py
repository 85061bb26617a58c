"""What the client of machines sends of files in parts, and of permissions for others."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, Dict, List
from urllib.parse import unquote

import pytest
from both import KINDS, Blocking, Loop
from wire import Answer, Request, WireServer, json_answer

import nullspace

MACHINE = {"id": "mch_1", "status": "running", "metadata": {}}
FILE = {"name": "f", "path": "/f", "type": "file", "size": 5, "mode": "0644", "link_target": None}
CONTENT = b"aabbc"
PARTS = {1: b"aa", 2: b"bb", 3: b"c"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Uploads:
    """Keeps parts in its memory, as the server does."""

    def __init__(self) -> None:
        self.parts: Dict[int, bytes] = {}
        self.refused: List[int] = []

    def __call__(self, request: Request, _connection: Any) -> Answer:
        part = re.search(r"/parts/(\d)\?sha256=([0-9a-f]{64})$", request.path)
        if request.path == "/v1/machines/mch_1":
            return json_answer(200, MACHINE)
        if request.path.endswith("/complete"):
            return json_answer(200, {"id": "upl_1", "sha256": request.json["sha256"], "file": FILE})
        if part is None:
            return json_answer(201 if request.method == "POST" else 200, self.view())
        number = int(part[1])
        if number in self.refused:
            return json_answer(403, {"code": "file_upload_limit_exceeded", "message": "full"})
        assert sha256(request.body) == part[2]
        self.parts[number] = request.body
        return json_answer(200, {"number": number, "size": len(request.body), "sha256": part[2]})

    def view(self) -> Dict[str, Any]:
        parts = [{"number": n, "size": len(c), "sha256": sha256(c)} for n, c in self.parts.items()]
        fields = {"id": "upl_1", "path": "/f", "status": "open", "size": 5, "part_size": 2, "part_count": 3}
        return {**fields, "parts": parts, "received_bytes": 0}


@pytest.fixture(params=KINDS)
def machines(request: Any, loop: Loop) -> Any:
    return nullspace.Machine if request.param == "threads" else Blocking(nullspace.AsyncMachine, loop)


def machine_at(machines: Any, server: WireServer) -> Any:
    return machines.connect("mch_1", api_key="ns_live_key", base_url=server.url)


def test_a_file_goes_in_parts_with_their_checksums(machines: Any, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    uploads = Uploads()
    seen: List[Any] = []
    with WireServer(uploads) as server:
        machine = machine_at(machines, server)
        written = machine.files.upload_file(
            tmp_path / "f", "/f", part_size=2, mode="0600", on_progress=lambda *about: seen.append(about)
        )
    assert (written.path, uploads.parts) == ("/f", PARTS)
    begin, end = server.requests[1], server.requests[-1]
    assert begin.json == {"path": "/f", "size": 5, "mode": "0600", "part_size": 2}
    assert begin.headers["idempotency-key"] and end.headers["idempotency-key"]
    assert end.json == {"sha256": sha256(CONTENT)}
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_what_failed_goes_on_where_it_was(machines: Any) -> None:
    uploads = Uploads()
    uploads.refused = [2]
    with WireServer(uploads) as server:
        machine = machine_at(machines, server)
        with pytest.raises(nullspace.FileUploadError) as failure:
            machine.files.upload_file(CONTENT, "/f")
        assert (failure.value.upload_id, failure.value.code) == ("upl_1", "file_upload_limit_exceeded")
        uploads.refused = []
        before = len(server.requests)
        machine.files.upload_file(CONTENT, "/f", upload_id=failure.value.upload_id)
        with pytest.raises(nullspace.FileUploadError, match="5 bytes for /f"):
            machine.files.upload_file(CONTENT, "/g", upload_id="upl_1")
    sent = [request.path for request in server.requests[before:] if "/parts/" in request.path]
    assert [path.split("?")[0][-1] for path in sent] == ["2", "3"]
    assert uploads.parts == PARTS


def test_permissions_for_others(machines: Any) -> None:
    url = {"url": "http://a/", "method": "PUT", "headers": {}, "path": "/f", "max_bytes": 5}
    access = {"certificate": "c", "host": None, "port": 22, "user": "root", "host_key": "k"}
    answers = [MACHINE, {"uploads": [Uploads().view()]}, {"id": "upl_1", "aborted": True}, url, url, access]
    with WireServer(*[json_answer(200, answer) for answer in answers]) as server:
        machine = machine_at(machines, server)
        assert machine.files.list_uploads()[0].part_count == 3
        machine.files.abort_upload("upl_1")
        assert machine.files.upload_url("/f", max_bytes=5, mode="0600").max_bytes == 5
        assert machine.files.download_url("/f", expires_in_seconds=9).url == "http://a/"
        assert machine.create_ssh_access("ssh-ed25519 A", ttl_seconds=60).host_key == "k"
    calls = [(request.method, request.path) for request in server.requests[1:]]
    path = "/v1/machines/mch_1"
    assert calls == [
        ("GET", f"{path}/uploads"),
        ("DELETE", f"{path}/uploads/upl_1"),
        ("POST", f"{path}/files/upload-url"),
        ("POST", f"{path}/files/download-url"),
        ("POST", f"{path}/ssh-access"),
    ]
    assert server.requests[3].json == {"path": "/f", "max_bytes": 5, "mode": "0600"}
    assert server.requests[5].json == {"public_key": "ssh-ed25519 A", "ttl_seconds": 60}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src" / "cache").mkdir(parents=True)
    (tmp_path / "src" / "main.py").write_text("print(1)")
    (tmp_path / "src" / "main.py").chmod(0o755)
    for name in ("src/cache/x", "notes.log", "kept.log"):
        (tmp_path / name).write_text(name)
        (tmp_path / name).chmod(0o644)
    (tmp_path / "link").symlink_to("kept.log")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / ".nullspaceignore").write_text("*.log\n!kept.log\n.nullspaceignore\n")
    return tmp_path


def test_a_folder_goes_with_permissions_without_what_is_ignored(machines: Any, folder: Path) -> None:
    with WireServer(json_answer(200, MACHINE), *[json_answer(200, FILE) for _ in range(5)]) as server:
        told: List[str] = []
        files = machine_at(machines, server).files
        sent = files.upload_dir(
            folder, "/srv/app", ignore=["**/cache"], on_progress=lambda path, done, total: told.append(f"{path} {done}/{total}")
        )
    assert (sent.uploaded, sent.skipped) == (["/srv/app/kept.log", "/srv/app/link", "/srv/app/src/main.py"], [])
    assert told == ["/srv/app/kept.log 1/3", "/srv/app/link 2/3", "/srv/app/src/main.py 3/3"]
    at = "/v1/machines/mch_1/files"
    assert [(request.method, unquote(request.path), request.body) for request in server.requests[3:]] == [
        ("PUT", f"{at}/content?path=/srv/app/kept.log&mode=0644", b"kept.log"),
        ("PUT", f"{at}/content?path=/srv/app/link&mode=0644", b"kept.log"),
        ("PUT", f"{at}/content?path=/srv/app/src/main.py&mode=0755", b"print(1)"),
    ]
    assert [request.json["path"] for request in server.requests[1:3]] == ["/srv/app", "/srv/app/src"]


def test_files_of_a_folder_that_are_there_stay_with_skip_and_with_fail_nothing_is_sent(machines: Any, folder: Path) -> None:
    there = json_answer(200, {"entries": [{**FILE, "path": "/srv/app/kept.log"}], "has_more": False})
    looks = [json_answer(200, FILE), there]
    rest = [json_answer(200, FILE) for _ in range(4)]
    with WireServer(json_answer(200, MACHINE), *looks, *rest, *looks) as server:
        files = machine_at(machines, server).files
        sent = files.upload_dir(folder, "/srv/app", on_conflict="skip", ignore=["**/cache"])
        assert (sent.uploaded, sent.skipped) == (["/srv/app/link", "/srv/app/src/main.py"], ["/srv/app/kept.log"])
        with pytest.raises(nullspace.ConflictError, match="/srv/app/kept.log are there; nothing was sent"):
            files.upload_dir(folder, "/srv/app", on_conflict="fail", ignore=["**/cache"])
    assert len(server.requests) == 9
