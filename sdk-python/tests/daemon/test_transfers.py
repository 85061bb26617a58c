"""What a folder is goes up and comes back equal, and what cannot be transferred says why."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable, List

import fastvm
import pytest
from conftest import MakeClient

from .conftest import ROOT, Daemon, eventually

KINDS = ROOT / "packages" / "sdk" / "src" / "testing" / "every-kind"
LIST_MANIFEST = (KINDS / "list.py").read_text(encoding="utf-8")
GIB = 2**30


@pytest.fixture
def ours(connect: MakeClient, daemon: Daemon) -> Any:
    return connect(base_url=daemon.url, api_key=daemon.api_key)


def listed_here(folder: Path) -> Any:
    return json.loads(subprocess.run([sys.executable, "-c", LIST_MANIFEST, str(folder)], check=True, stdout=subprocess.PIPE).stdout)


def listed_in_vm(client: Any, vm: Any, folder: str) -> Any:
    result = client.vms.run(vm, command=["python3", "-c", LIST_MANIFEST, folder])
    assert result.stderr == ""
    return json.loads(result.stdout)


def test_a_folder_with_every_kind_of_file_and_name(ours: Any, launch: Any, tmp_path: Path) -> None:
    vm = launch()
    kinds = tmp_path / "kinds"
    subprocess.run([sys.executable, str(KINDS / "make.py"), str(kinds)], check=True)
    made = listed_here(kinds)
    ours.upload(vm.id, str(kinds), "/root/by sdk")
    assert listed_in_vm(ours, vm, "/root/by sdk") == made
    ours.download(vm.id, "/root/by sdk", str(tmp_path / "back"))
    assert listed_here(tmp_path / "back") == made


def test_files_keep_mode_time_and_holes(ours: Any, vm: Any, tmp_path: Path) -> None:
    sparse = tmp_path / "sparse"
    sparse.write_bytes(b"begins")
    os.truncate(sparse, GIB)
    os.chmod(sparse, 0o750)
    moment = 1_712_345_678_250_000_001
    os.utime(sparse, ns=(moment, moment))
    ours.upload(vm.id, str(sparse), "/root/sparse")
    assert ours.vms.run(vm.id, command="stat -c '%f %.9Y %s' /root/sparse").stdout == f"81e8 1712345678.250000001 {GIB}\n"
    ours.download(vm.id, "/root/sparse", str(tmp_path / "new/back"))
    back = os.stat(tmp_path / "new/back")
    assert (back.st_mode, back.st_mtime_ns, back.st_size) == (0o100750, moment, GIB)
    assert back.st_blocks == os.stat(sparse).st_blocks
    plain = tmp_path / "plain"
    plain.write_text("x")
    os.chmod(plain, 0o4711)
    os.utime(plain, ns=(moment, moment))
    ours.upload(vm.id, str(plain), "/root/plain it's")
    assert ours.vms.run(vm.id, command="stat -c '%a %.9Y' \"/root/plain it's\"; ls -A /root | grep fastvm- || :").stdout == "711 1712345678.250000001\n"
    ours.download(vm.id, "/root/plain it's", str(tmp_path / "plain back"))
    info = os.stat(tmp_path / "plain back")
    assert (info.st_mode, info.st_mtime_ns) == (0o100711, moment)


def test_what_is_not_there(ours: Any, vm: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no /root/nothing in the VM") as caught:
        ours.download(vm.id, "/root/nothing", str(tmp_path / "x"))
    assert isinstance(caught.value, fastvm.FileTransferError)
    with pytest.raises(FileNotFoundError, match=f"There is no {tmp_path}/gone to upload"):
        ours.upload(vm.id, str(tmp_path / "gone"), "/root/x")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file(ours: Any, vm: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(fastvm.FileTransferError, match="pipe is neither a file nor a folder"):
        ours.upload(vm.id, str(tmp_path / "pipe"), "/root/x")
    with pytest.raises(fastvm.FileTransferError, match="/dev/zero is neither a file nor a folder"):
        ours.download(vm.id, "/dev/zero", str(tmp_path / "x"))


def test_what_cannot_be_written(ours: Any, vm: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(fastvm.FileTransferError, match="Writing /proc/x/.* in VM .* failed: "):
        ours.upload(vm.id, str(tmp_path / "file"), "/proc/x/file")
    with pytest.raises(fastvm.FileTransferError, match="The VM's side of the transfer failed with exit code"):
        ours.upload(vm.id, str(tmp_path), "/proc/x")
    (tmp_path / "a folder").mkdir()
    ours.vms.run(vm.id, command="echo line > /root/out.log")
    with pytest.raises(OSError):
        ours.download(vm.id, "/root/out.log", str(tmp_path / "a folder"))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_what_is_larger_than_the_disk(ours: Any, vm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # With holes it would go as an archive, and without them it takes the room it says.
    monkeypatch.setattr("fastvm._async.upload.local_tar_flavor", lambda: "other")
    monkeypatch.setattr("fastvm._sync.upload.local_tar_flavor", lambda: "other")
    huge = tmp_path / "huge"
    huge.touch()
    os.truncate(huge, 20 * GIB)
    with pytest.raises(fastvm.FileTransferError, match=f"{huge} has {20 * GIB} bytes, the VM's disk {10 * GIB}"):
        ours.upload(vm.id, str(huge), "/root/x")


def test_progress_is_told(ours: Any, vm: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(10**6))
    told: List[fastvm.TransferProgress] = []
    ours.upload(vm.id, str(tmp_path / "file"), "/root/progress", on_progress=told.append)
    assert told[-1] == fastvm.TransferProgress(10**6, 10**6)
    told.clear()
    ours.download(vm.id, "/root/progress", str(tmp_path / "back"), on_progress=told.append)
    assert told[-1] == fastvm.TransferProgress(10**6, 10**6)


class Chunks:
    """What gives bytes for as long as it is asked."""

    def __init__(self, count: int) -> None:
        self.left = count

    def __iter__(self) -> "Chunks":
        return self

    def __next__(self) -> bytes:
        if self.left == 0:
            raise StopIteration
        self.left -= 1
        return b"0123456789abcde\n" * 4096


@pytest.mark.parametrize("stdin", [lambda: "text\n", lambda: b"b" * 17 * 2**20, lambda: Chunks(64), lambda: open("/proc/self/stat", "rb")])
def test_stdin_may_be_anything_of_any_size(ours: Any, vm: Any, stdin: Callable[[], Any]) -> None:
    result = ours.vms.run(vm.id, command=["sh", "-c", "cat > /root/in; ls /var/tmp/fastvm-stdin-* 2>/dev/null; exit 7"], stdin=stdin())
    assert (result.exit_code, result.stdout, result.stderr) == (7, "", "")
    size = int(ours.vms.run(vm.id, command="stat -c %s /root/in").stdout)
    given = stdin()
    if isinstance(given, (str, bytes)):
        assert size == len(given)
    elif isinstance(given, Chunks):
        assert size == 64 * 65536
    else:
        assert size > 50
        given.close()


def test_stdin_goes_to_the_user_that_is_asked_for(ours: Any, vm: Any) -> None:
    result = ours.vms.run(vm.id, command="id -un; wc -c", stdin=Chunks(2), user="www-data", cwd="/")
    assert result.stdout.split() == ["www-data", str(2 * 65536)]
    assert [event.type for event in ours.vms.stream(vm.id, command="cat >/dev/null", stdin=Chunks(1))] == ["x"]


def test_stdin_of_text_files_is_refused(ours: Any, vm: Any) -> None:
    with open("/proc/self/stat") as file, pytest.raises(fastvm.FastvmError, match="opened to read bytes"):
        ours.vms.run(vm.id, command="cat", stdin=file)


def test_a_cancelled_upload_leaves_nothing(daemon: Daemon, vm: Any, tmp_path: Path) -> None:
    """The task ends at once, and with it the local tar."""
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "random").write_bytes(os.urandom(64 * 2**20))

    async def whole() -> None:
        started = asyncio.Event()
        async with fastvm.AsyncFastvmClient() as client:
            task = asyncio.create_task(client.upload(vm.id, str(folder), "/root/cancelled-upload", on_progress=lambda _: started.set()))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await client.vms.run(vm.id, command="ls -d /root/cancelled-upload")).exit_code != 0

    asyncio.run(whole())
    eventually(lambda: tars_of(os.getpid()) == [])
    assert threading.active_count() < 64


def tars_of(pid: int) -> List[str]:
    shown = subprocess.run(["ps", "-o", "args=", "--ppid", str(pid)], stdout=subprocess.PIPE, text=True).stdout
    return [line for line in shown.splitlines() if line.startswith("tar ")]
