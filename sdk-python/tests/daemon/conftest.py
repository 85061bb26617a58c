"""A real daemon with a data folder of its own, for all of these tests."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Iterator, List

import fastvm
import pytest
from both import KINDS, Blocking, Loop

import nullspace

ROOT = Path(__file__).resolve().parents[3]
# Beside the default cache, so that layers are shared by hard link.
FOLDER = Path("/var/cache/fastvm-test")
# The first start of a machine boots a template.
START_SECONDS = 180
# Below those that the kernel gives to whoever asks for any, as each connection does: nobody gets one by chance until it is used.
PORTS = range(20_000, 32_768)
TRIES = 100


class Daemon:
    def __init__(self) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.data = Path(tempfile.mkdtemp(prefix="python-", dir=FOLDER))
        self.port = free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_key(self) -> str:
        return (self.data / "api-key").read_text(encoding="utf-8").strip()

    @property
    def pid(self) -> int:
        pid: int = json.loads((self.data / "daemon.json").read_text(encoding="utf-8"))["process"]["pid"]
        return pid

    def start(self, *options: str) -> None:
        """Also again, on the same folder and port."""
        # What is kept ready is a QEMU that nobody asked for.
        unused = ("--pool-size", "0", "--pool-max-size", "0")
        self._fastvm("serve", "-d", "--port", str(self.port), *unused, *options)

    def kill(self) -> None:
        """As a crash would; VMs run on."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: is_gone(pid))

    def remove(self) -> None:
        self._fastvm("daemon", "stop", "--delete-vms")
        shutil.rmtree(self.data, ignore_errors=True)

    def machines_key(self) -> str:
        """A new one, of the API of machines."""
        return self._fastvm("key", "create", "--api", "nullspace").split()[-1]

    def _fastvm(self, *arguments: str) -> str:
        command = [str(ROOT / "fastvm"), *arguments, "--data-dir", str(self.data)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=START_SECONDS)
        assert done.returncode == 0, done.stdout
        return done.stdout


def free_port() -> int:
    for port in random.sample(PORTS, TRIES):
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"none of {TRIES} ports is free")


def is_gone(pid: int) -> bool:
    """One that has ended and that nobody has waited for yet is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return True
    return stat[stat.rindex(")") + 2] in "ZX"


def eventually(holds: Callable[[], Any], seconds: float = 60) -> Any:
    """What `holds` gives as soon as it is something."""
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if found or time.monotonic() > deadline:
            assert found
            return found
        time.sleep(0.05)


@pytest.fixture(scope="session")
def daemon() -> Iterator[Daemon]:
    made = Daemon()
    before = {name: os.environ.get(name) for name in ("FASTVM_BASE_URL", "FASTVM_API_KEY")}
    os.environ.update(FASTVM_BASE_URL=made.url, FASTVM_API_KEY=made.api_key)
    yield made
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    made.remove()


@pytest.fixture(scope="session")
def client(daemon: Daemon) -> Iterator[fastvm.FastvmClient]:
    with fastvm.FastvmClient() as made:
        yield made


@pytest.fixture(scope="session")
def machine_settings(daemon: Daemon) -> Iterator[None]:
    """Of the API of machines, as a program finds them."""
    os.environ.update(NULLSPACE_API_KEY=daemon.machines_key(), NULLSPACE_API_URL=daemon.url)
    yield
    for name in ("NULLSPACE_API_KEY", "NULLSPACE_API_URL"):
        del os.environ[name]


@pytest.fixture(params=KINDS)
def machines(request: Any, loop: Loop, machine_settings: None) -> Any:
    """`Machine` or `AsyncMachine`, in turn."""
    return nullspace.Machine if request.param == "threads" else Blocking(nullspace.AsyncMachine, loop)


@pytest.fixture(scope="session")
def vm(client: fastvm.FastvmClient) -> fastvm.types.VM:
    """One that all tests may run commands in; who pauses or deletes launches another."""
    return client.vms.launch(machine_type="c1m2", name="shared")


@pytest.fixture
def launch(client: fastvm.FastvmClient) -> Iterator[Callable[..., fastvm.types.VM]]:
    made: List[fastvm.types.VM] = []

    def launch_one(**options: Any) -> fastvm.types.VM:
        made.append(client.vms.launch(machine_type="c1m2", **options))
        return made[-1]

    yield launch_one
    for each in made:
        try:
            client.vms.delete(each)
        except fastvm.NotFoundError:
            # The test did.
            continue


@pytest.fixture(autouse=True)
def leaves_nothing(client: fastvm.FastvmClient, vm: fastvm.types.VM) -> Iterator[None]:
    yield
    for other in client.vms.list():
        if other.id != vm.id and other.name != "kept":
            client.vms.delete(other)
    for snapshot in client.snapshots.list():
        client.snapshots.delete(snapshot)
