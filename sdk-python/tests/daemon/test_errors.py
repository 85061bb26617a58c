"""Every error of the documents, provoked where it comes from."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from typing import Any, Callable, Iterator, Type

import fastvm
import pytest
from conftest import MakeClient

from .conftest import Daemon, eventually

# A command whose name nothing else in the VM has, so that it can be looked for.
SLEEPER = "cp /bin/sleep /root/{0} && exec /root/{0} 1000"


@pytest.fixture
def ours(connect: MakeClient, daemon: Daemon) -> Any:
    return connect(base_url=daemon.url, api_key=daemon.api_key)


@pytest.fixture(scope="module")
def paused(client: fastvm.FastvmClient) -> Iterator[fastvm.types.VM]:
    vm = client.vms.pause(client.vms.launch(machine_type="c1m2", name="kept"))
    yield vm
    client.vms.delete(vm)


def refused(call: Callable[[], Any], expected: Type[fastvm.APIStatusError], status: int, message: str) -> fastvm.APIStatusError:
    with pytest.raises(fastvm.APIStatusError, match=message) as caught:
        call()
    assert type(caught.value) is expected
    assert caught.value.status_code == status
    assert str(caught.value).startswith(f"{status} ")
    return caught.value


def test_400(ours: Any) -> None:
    error = refused(lambda: ours.vms.launch(machine_type="huge"), fastvm.BadRequestError, 400, "machineType")
    assert (error.code, error.field) == ("invalid_request", "machineType")
    assert error.hint


def test_401(connect: MakeClient, daemon: Daemon) -> None:
    stranger = connect(base_url=daemon.url, api_key="My API Key")
    assert refused(stranger.vms.list, fastvm.AuthenticationError, 401, "key").code == "unauthorized"
    assert stranger.health().status == "ok"


def test_403(ours: Any, daemon: Daemon, vm: Any) -> None:
    with sqlite3.connect(daemon.data / "fastvm.db", timeout=60) as records:
        ((limit,),) = records.execute("SELECT limit_snapshot_count FROM organisations").fetchall()
        records.execute("UPDATE organisations SET limit_snapshot_count = 0")
        records.commit()
        try:
            error = refused(lambda: ours.snapshots.create(vm.id), fastvm.PermissionDeniedError, 403, "quota")
        finally:
            records.execute("UPDATE organisations SET limit_snapshot_count = ?", (limit,))
    assert error.code == "quota_exceeded"


def test_404(ours: Any) -> None:
    error = refused(lambda: ours.vms.retrieve("vm_does_not_exist_000000"), fastvm.NotFoundError, 404, "")
    assert error.code == "not_found"


def test_409(ours: Any, paused: Any) -> None:
    error = refused(lambda: ours.vms.run(paused.id, command="true"), fastvm.ConflictError, 409, "paused")
    assert (error.code, error.headers["x-should-retry"]) == ("vm_wrong_state", "false")
    refused(lambda: ours.vms.refresh_ttl(paused.id), fastvm.ConflictError, 409, "")


def test_413_has_no_class_of_its_own(ours: Any, vm: Any) -> None:
    """The SDK sends as a file what is over the limit; this is sent past it."""
    stdin = {"stdin": base64.b64encode(bytes(17 * 2**20)).decode()}
    error = refused(lambda: ours.vms.run(vm.id, command="cat", extra_body=stdin), fastvm.APIStatusError, 413, "stdin")
    assert error.code == "body_too_large"


def test_422(ours: Any, vm: Any) -> None:
    presign = ours.vms.files.presign(vm.id, "/root/x")
    import httpx

    httpx.put(presign.upload_url, content=b"x").raise_for_status()
    refused(lambda: ours.vms.files.fetch(vm.id, presign.download_url, "/root"), fastvm.UnprocessableEntityError, 422, "")


def test_a_vm_that_is_not_ready_in_time(ours: Any, paused: Any) -> None:
    with pytest.raises(fastvm.VMNotReadyError, match="is not running after 0.2 s: its status is paused") as caught:
        ours.wait_for_vm_ready(paused.id, timeout=0.2)
    assert isinstance(caught.value, TimeoutError)


def qemu_of(daemon: Daemon, vm: Any) -> int:
    """The child of the program that stays beside it, which works in the VM's folder."""
    folder = str(daemon.data / "vms" / vm.id)
    beside = [entry for entry in os.listdir("/proc") if entry.isdigit() and works_in(entry, folder)]
    shown = subprocess.run(["ps", "-o", "pid=", "--ppid", ",".join(beside)], check=True, stdout=subprocess.PIPE, text=True)
    return int(shown.stdout.split()[0])


def works_in(pid: str, folder: str) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/cwd") == folder
    except OSError:
        return False


def test_a_vm_that_dies(ours: Any, daemon: Daemon, launch: Any) -> None:
    """
    A command that has said something is lost, one that was waited for is an error of the server, and the VM does not
    come to run.
    """
    vm = launch()
    failures = []

    def wait() -> None:
        with pytest.raises(fastvm.InternalServerError) as caught:
            ours.vms.run(vm.id, command=SLEEPER.format("waited-for"))
        failures.append(caught.value)

    waiting = threading.Thread(target=wait)
    waiting.start()
    events = iter(ours.vms.stream(vm.id, command="echo begun; exec sleep 1000"))
    assert next(events).data == b"begun\n"
    eventually(lambda: ours.vms.run(vm.id, command="pgrep -f ^/root/waited-for").exit_code == 0)
    os.kill(qemu_of(daemon, vm), signal.SIGKILL)
    with pytest.raises(fastvm.CommandLostError) as lost:
        next(events)
    assert lost.value.code == "vm_died"
    waiting.join(60)
    (failure,) = failures
    assert (failure.status_code, failure.code) == (502, "vm_died")
    with pytest.raises(fastvm.VMLaunchError, match=f"VM {vm.id} did not start: its status is error") as caught:
        eventually(lambda: ours.wait_for_vm_ready(vm.id, timeout=1) and False)
    assert (caught.value.vm_id, caught.value.status) == (vm.id, "error")


def test_an_answer_that_takes_too_long(ours: Any, vm: Any) -> None:
    with pytest.raises(fastvm.APITimeoutError, match="No answer in time"):
        ours.vms.run(vm.id, command=SLEEPER.format("too-long"), timeout=1)
    # It ended with its call.
    eventually(lambda: ours.vms.run(vm.id, command="pgrep -f ^/root/too-long").exit_code == 1)


def test_a_command_that_takes_too_long(ours: Any, vm: Any) -> None:
    result = ours.vms.run(vm.id, command="sleep 100", timeout_sec=1)
    assert (result.timed_out, result.exit_code) == (True, 124)


def test_a_command_that_cannot_start(ours: Any, vm: Any) -> None:
    result = ours.vms.run(vm.id, command=["no-such-program"])
    assert result.exit_code == 127 and result.stderr
    (event,) = ours.vms.stream(vm.id, command=["no-such-program"])
    assert event.exit_code == 127 and event.diagnostic


def test_a_stream_that_is_left(ours: Any, vm: Any) -> None:
    with ours.vms.stream(vm.id, command="echo x; " + SLEEPER.format("left")) as stream:
        assert next(iter(stream)).data == b"x\n"
        eventually(lambda: ours.vms.run(vm.id, command="pgrep -f ^/root/left").exit_code == 0)
    eventually(lambda: ours.vms.run(vm.id, command="pgrep -f ^/root/left").exit_code == 1)


def test_a_cancelled_task(daemon: Daemon, vm: Any) -> None:
    async def whole() -> None:
        async with fastvm.AsyncFastvmClient() as client:

            async def is_there() -> bool:
                return (await client.vms.run(vm.id, command="pgrep -f ^/root/cancelled")).exit_code == 0

            task = asyncio.create_task(client.vms.run(vm.id, command=SLEEPER.format("cancelled")))
            while not await is_there():
                assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            deadline = time.monotonic() + 60
            while await is_there():
                assert time.monotonic() < deadline
            # The connections of those that were not cancelled are fit to be used.
            assert (await client.health()).status == "ok"

    asyncio.run(whole())


def test_a_server_that_dies_in_the_middle_of_a_stream(ours: Any, daemon: Daemon, vm: Any) -> None:
    events = iter(ours.vms.stream(vm.id, command="while echo line; do sleep 0.05; done"))
    assert next(events).type == "o"
    daemon.kill()
    try:
        with pytest.raises(fastvm.APIConnectionError, match="The connection failed: "):
            for _ in events:
                pass
        with pytest.raises(fastvm.APIConnectionError, match="The connection failed: "):
            ours.health(max_retries=0)
    finally:
        daemon.start()
    # And the client goes on with the next one.
    assert ours.wait_for_vm_ready(vm.id).status == "running"
    assert json.loads(ours.vms.run(vm.id, command="echo 1").stdout) == 1
