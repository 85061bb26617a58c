"""Builds in a real builder: a folder with a static busybox becomes a snapshot, whose VM runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Iterator, List

import fastvm
import pytest

DOCKERFILE = """FROM scratch
COPY . /
ARG WHO
RUN --mount=type=secret,id=token test "$(cat /run/secrets/token)" = s3cret && echo "hello $WHO" | tee /greeting
"""


@pytest.fixture(autouse=True)
def forgotten(client: Any) -> Iterator[None]:
    """The tests after these list builds."""
    yield
    for build in client.builds.list():
        client.snapshot_imports.delete(build.id)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    for name in ("bin", "etc", "root", "tmp"):
        (tmp_path / name).mkdir()
    shutil.copy("/bin/busybox", tmp_path / "bin" / "busybox")
    for name in ("sh", "cat", "test", "echo", "tee", "false", "seq"):
        os.symlink("busybox", tmp_path / "bin" / name)
    (tmp_path / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n", encoding="utf-8")
    (tmp_path / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
    (tmp_path / ".dockerignore").write_text("left-out\n", encoding="utf-8")
    (tmp_path / "left-out").touch()
    return tmp_path


def test_a_folder_becomes_a_snapshot(client: Any, context: Path) -> None:
    lines: List[str] = []
    snapshot = client.build(
        context_dir=str(context), tag="from-python", build_args={"WHO": "you"}, secrets={"token": "s3cret"}, on_log=lines.append, poll_interval=0.5
    )
    assert "hello you" in lines
    assert client.builds.logs("from-python").status == "completed"
    vm = client.vms.launch(snapshot_id=snapshot.id)
    assert client.vms.run(vm, command="cat /greeting; test -e /left-out || echo without").stdout == "hello you\nwithout\n"
    client.vms.delete(vm)
    # Those of the image alone need no snapshot.
    with pytest.raises(fastvm.BuildError, match="what is wrong") as caught:
        client.build(dockerfile="FROM from-python\nRUN seq 1 5000; echo what is wrong; false", poll_interval=0.5)
    reason = caught.value.reason or ""
    assert "4999" in reason and len(reason.encode()) <= 4096
