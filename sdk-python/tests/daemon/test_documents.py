"""Each line of code of the documents is run as it is written, with nothing set but the key and the base URL."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, Callable, Dict, List

import fastvm
import pytest
from documents import ASYNC, REFERENCE, Block, blocks_of

from .conftest import Daemon, eventually

Make = Callable[..., fastvm.types.VM]
# Blocks that need what a daemon without a registry has not: images of the internet.
WAITING = {f"{REFERENCE}:828": "image builds: they pull from the internet"}
# The image has no make, and the example is about its output.
FAKE_MAKE = "printf '#!/bin/sh\\necho compiling with $1\\necho warning >&2\\nexit 2\\n' > /usr/local/bin/make; chmod 755 /usr/local/bin/make"
# Takes as long as its seed says, so that the branches differ in what they are compared by.
SOLVE = 'import sys, time\nseed = int(sys.argv[1].split("=")[1])\ntime.sleep(0.05 * (1 + (seed + 3) % 10))\nprint("solved", seed)\n'
TRAIN = 'import time\nfor epoch in range(100):\n    print("epoch", epoch, flush=True)\n    time.sleep(0.2)\n'

REFERENCE_BLOCKS = {block.line: block for block in blocks_of(REFERENCE)}
ASYNC_BLOCKS = {block.line: block for block in blocks_of(ASYNC)}
ran: List[str] = []


def run(block: Block, **names: Any) -> Dict[str, Any]:
    """What the block has made of its names. One that awaits does so in a loop of its own."""
    ran.append(block.name)
    code = compile(block.code, block.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    function = types.FunctionType(code, names)
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(function())
    else:
        function()
    return names


async def run_async(block: Block, names: Dict[str, Any]) -> None:
    ran.append(block.name)
    code = compile(block.code, block.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    outcome = types.FunctionType(code, names)()
    if inspect.isawaitable(outcome):
        await outcome


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the examples find in theirs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text("a = 1\n", encoding="utf-8")
    for name in ("src/deep/empty", "local", "local-dir", ".ssh"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "src/deep/ünï.txt").write_text("text", encoding="utf-8")
    (tmp_path / "local/file.txt").write_text("by hand", encoding="utf-8")
    (tmp_path / "local-dir/zero").touch()
    return tmp_path


@pytest.fixture
def guest(client: fastvm.FastvmClient, vm: fastvm.types.VM) -> Callable[[str], str]:
    def sh(script: str) -> str:
        result = client.vms.run(vm, command=script)
        assert result.exit_code == 0, result
        return result.stdout

    return sh


class TestReference:
    def test_import(self, daemon: Daemon) -> None:
        assert run(REFERENCE_BLOCKS[13])["client"].base_url == daemon.url

    def test_upload_and_download(self, client: Any, vm: Any, here: Path, guest: Callable[[str], str]) -> None:
        run(REFERENCE_BLOCKS[65], client=client, vm=vm)
        assert guest("cat /etc/app.toml; cd /root/src && find . | sort").split() == ["a", "=", "1", ".", "./deep", "./deep/empty", "./deep/ünï.txt"]
        guest("printf line > /root/out.log; mkdir -p /var/log/app; printf more > /var/log/app/it")
        run(REFERENCE_BLOCKS[99], client=client, vm=vm)
        assert (here / "out.log").read_text() == "line"
        assert (here / "log-backup/app/it").read_text() == "more"

    def test_wait_for_vm_ready(self, client: Any, vm: Any) -> None:
        assert run(REFERENCE_BLOCKS[127], client=client, some_id=vm.id)["vm"].status == "running"

    def test_launch(self, client: Any, vm: Any, capsys: pytest.CaptureFixture[str]) -> None:
        # The server takes a snapshot's name in place of its id.
        client.snapshots.create(vm.id, name="snp_...")
        made = run(REFERENCE_BLOCKS[198])["vm"]
        assert capsys.readouterr().out.endswith(" running\n")
        assert made.status in ("running", "provisioning")
        sources = {each.name: each.source_name for each in client.vms.list()}
        assert "snp_..." in sources.values() and "dev" in sources

    def test_run(self, client: Any, vm: Any, guest: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
        guest("printf 'import sys; print(sys.argv[1:])' > /root/main.py")
        run(REFERENCE_BLOCKS[420], client=client, vm=vm)
        assert capsys.readouterr().out == "0 ['--flag']\n\n"

    def test_stream(self, vm: Any, guest: Callable[[str], str], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        guest(FAKE_MAKE)
        run(REFERENCE_BLOCKS[465], vm=vm, sys=sys)
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        assert out.startswith(b"compiling with -j8\nexit 2 in ") and out.endswith(b" ms\n")
        assert err == b"warning\n"

    def test_ssh_keys(self, client: Any, vm: Any, here: Path, guest: Callable[[str], str]) -> None:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(here / ".ssh/id_ed25519")], check=True)
        run(REFERENCE_BLOCKS[610], client=client, vm=vm, os=os)
        (key,) = client.vms.ssh_keys.list(vm.id).keys
        assert key.name == "laptop"
        assert key.public_key in guest("cat /root/.ssh/authorized_keys2")
        assert client.vms.ssh_keys.delete(vm.id, key.fingerprint).deleted

    def test_presign_and_fetch(self, client: Any, vm: Any, here: Path, guest: Callable[[str], str]) -> None:
        guest("printf line > /root/out.log; mkdir -p /var/log")
        presign = run(REFERENCE_BLOCKS[657], client=client, vm=vm)["presign"]
        assert guest("cat /root/file.txt; ls /root/remote-dir") == "by handzero\n"
        import httpx

        httpx.put(presign.upload_url, content=b"already hosted").raise_for_status()
        run(REFERENCE_BLOCKS[695], client=client, vm=vm, presign=presign)
        assert guest("cat /root/file.txt") == "already hosted"

    def test_builds_ask_the_registry(self, client: Any, here: Path) -> None:
        """As the block does, of a registry that is not there."""
        assert list(WAITING) == [REFERENCE_BLOCKS[828].name]
        with pytest.raises(fastvm.BuildError, match="registry"):
            client.build(image_ref="localhost:1/none", poll_interval=0.5)
        assert client.build_contexts.presign().download_url.startswith("http")


class TestAsync:
    def test_quick_start(self, daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
        run(ASYNC_BLOCKS[20])
        assert capsys.readouterr().out == "hello\n\n"

    def test_configuration(self) -> None:
        asyncio.run(run(ASYNC_BLOCKS[46], FastVM=fastvm.FastVM)["client"].close())
        run(ASYNC_BLOCKS[59], FastVM=fastvm.FastVM)

    def test_a_vm_and_its_snapshot(self, daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
        async def whole() -> None:
            async with fastvm.FastVM() as client:
                names: Dict[str, Any] = {"client": client, **vars(fastvm)}
                await run_async(ASYNC_BLOCKS[110], names)
                vm = names["vm"]
                assert (vm.name, vm.cpu, vm.memory_mib, vm.disk_gib, vm.status) == ("my-vm", 2, 4096, 20, "running")
                assert isinstance(vm.created_at, str)
                await run_async(ASYNC_BLOCKS[262], names)
                assert names["vm"].name == "new-name"
                await run_async(ASYNC_BLOCKS[299], names)
                assert names["vm"].firewall.mode == "open"
                await run_async(ASYNC_BLOCKS[336], names)
                assert names["vm"].firewall.mode == "restricted"
                await run_async(ASYNC_BLOCKS[451], names)
                assert (names["snap"].name, names["snap"].status, names["snap"].vm_id) == ("before-deploy", "ready", vm.id)
                names["snapshot"] = names["snap"]
                await run_async(ASYNC_BLOCKS[155], names)
                assert (names["restored"].name, names["restored"].source_name) == ("worker-01", "before-deploy")
                await run_async(ASYNC_BLOCKS[515], names)
                assert [each.name for each in await client.list_snapshots()] == ["v2-stable"]
                await client.remove_snapshot(names["snap"])
                assert await client.list_snapshots() == []
                await run_async(ASYNC_BLOCKS[576], names)
                assert vm.id in [each.id for each in await client.list()]
                await client.remove(names["restored"])
                with pytest.raises(fastvm.NotFoundError):
                    await client.get(names["restored"])

        asyncio.run(whole())
        assert capsys.readouterr().out.startswith("vCPUs: ")

    def test_commands(self, daemon: Daemon, vm: Any, guest: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
        guest(f"cat > train.py <<'END'\n{TRAIN}END")
        for line, first in ((377, "Python 3.11."), (391, "epoch "), (403, "epoch ")):

            def shown() -> str:
                async def once() -> None:
                    async with fastvm.FastVM() as client:
                        await run_async(ASYNC_BLOCKS[line], {"client": client, "vm": vm.id})

                asyncio.run(once())
                return capsys.readouterr().out

            # A job that was just started may have said nothing yet; a second session of one name is refused, and shows
            # the first.
            eventually(lambda: shown().startswith(first))

    def test_a_firewall(self, daemon: Daemon) -> None:
        vm = run(ASYNC_BLOCKS[522])["vm"]
        assert (vm.firewall.mode, [rule.port_start for rule in vm.firewall.ingress]) == ("restricted", [22, 8080])

    def test_branching(self, daemon: Daemon, vm: Any, guest: Callable[[str], str]) -> None:
        guest(f"cat > solve.py <<'END'\n{SOLVE}END")
        names: Dict[str, Any] = {"asyncio": asyncio, "base_vm": vm.id}

        async def whole() -> None:
            async with fastvm.FastVM() as client:
                names["client"] = client
                await run_async(ASYNC_BLOCKS[599], names)

        asyncio.run(whole())
        assert [result.stdout for result in names["results"]] == [f"solved {seed}\n" for seed in range(10)]
        assert names["best"].duration_ms == min(result.duration_ms for result in names["results"])


def test_every_block_was_run(request: Any) -> None:
    there = [item for item in request.session.items if item.module is sys.modules[__name__]]
    tests = [name for name in [*vars(TestReference), *vars(TestAsync)] if name.startswith("test_")]
    if len(there) <= len(tests):
        pytest.skip("not all of these tests were asked for")
    blocks = {block.name for block in [*REFERENCE_BLOCKS.values(), *ASYNC_BLOCKS.values()]}
    assert blocks - {*ran, *WAITING} == set()
