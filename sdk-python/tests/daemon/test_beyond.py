"""
What the documents have no word of, equal in the SDK for TypeScript: fork, pause and resume, console, stats, logs, what
firewalls have decided.
"""

from __future__ import annotations

import asyncio
from typing import Any, List

import fastvm
import pytest
from conftest import MakeClient

from .conftest import Daemon, eventually


@pytest.fixture
def ours(connect: MakeClient, daemon: Daemon) -> Any:
    return connect(base_url=daemon.url, api_key=daemon.api_key)


def test_fork_pause_and_resume(ours: Any, launch: Any) -> None:
    vm = launch()
    ours.vms.run(vm.id, command="echo kept > /dev/shm/memory")
    result = ours.vms.fork(vm.id, count=2, names=["left", "right"], metadata={"of": "a fork"})
    assert [child.vm.name for child in result.children] == ["left", "right"]
    assert result.pause_ms > 0 and result.children[0].error is None
    assert [each.name for each in ours.vms.list(metadata={"of": "a fork"})] in (["left", "right"], ["right", "left"])
    child = result.children[0].vm
    assert ours.vms.run(child, command="cat /dev/shm/memory").stdout == "kept\n"
    paused = ours.vms.pause(child)
    assert (paused.status, paused.paused_at.tzinfo is not None) == ("paused", True)
    assert ours.vms.resume(child).status == "running"
    assert ours.vms.run(child, command="cat /dev/shm/memory").stdout == "kept\n"


def test_commands_in_the_background(ours: Any, vm: Any) -> None:
    command = ours.vms.commands.start(vm, "echo begun; read name; echo hello $name; exit 4", keep_stdin=True)
    command.send_stdin("world\n")
    same = ours.vms.commands.connect(vm, command.id)
    heard: List[bytes] = []
    finished = same.wait(on_stdout=heard.append)
    assert (finished.exit_code, finished.stdout, finished.lost_bytes) == (4, "begun\nhello world\n", 0)
    assert b"".join(heard).decode() == finished.stdout
    assert same.refresh().status == "exited" and command.id in [each.id for each in ours.vms.commands.list(vm)]
    assert not command.kill()
    terminal = ours.vms.pty.create(vm, cols=100, rows=30)
    ours.vms.pty.send_input(vm, terminal.id, "stty size; exit 3\r")
    assert "30 100" in terminal.wait().stdout
    assert ours.vms.url(vm, 8080) == ours.vms.url(vm, "port-8080")
    ours.vms.services.delete(vm, "port-8080")


def test_stats_logs_and_hits(ours: Any, vm: Any) -> None:
    stats = ours.vms.stats(vm)
    assert stats.status == "running" and stats.memory_mi_b.limit == 2048 and stats.disk_bytes.limit == 10 * 2**30
    ours.vms.run(vm, command="echo a word for the log > /dev/console")
    eventually(lambda: "a word for the log" in ours.vms.logs(vm).console)
    report = ours.vms.firewall.retrieve(vm)
    assert report.policy.ingress.default == "deny"
    if report.hits is not None:
        assert report.hits.egress.default.packets >= 0


def test_firewalls_in_both_dialects(ours: Any, vm: Any) -> None:
    rule = {"action": "allow", "kind": "cidr", "value": "::/0", "protocol": "tcp", "ports": "8080-8090"}
    changed: Any = ours.vms.set_firewall(vm.id, ingress={"default": "deny", "rules": [rule]}, egress={"default": "allow"})
    assert type(changed.firewall).__name__ == "FirewallPolicy"
    assert changed.firewall.ingress.rules[0].ports == "8080-8090"
    patched = ours.vms.patch_firewall(vm.id, dns={"mode": "deny", "domains": ["bad.example"], "block_bypass": True})
    assert (patched.firewall.dns.domains, patched.firewall.dns.block_bypass) == (["bad.example"], True)
    assert patched.firewall.ingress.rules == changed.firewall.ingress.rules
    dead = {"action": "allow", "kind": "fqdn", "value": "bad.example", "protocol": "any", "ports": "any"}
    with pytest.raises(fastvm.BadRequestError):
        ours.vms.patch_firewall(vm.id, egress={"default": "deny", "rules": [dead]})
    old = ours.vms.set_firewall(vm.id, mode="restricted", ingress=[{"protocol": "tcp", "port_start": 22}])
    assert isinstance(old.firewall, fastvm.types.LegacyFirewallPolicy)
    ours.vms.set_firewall(vm.id)


def test_services(ours: Any, vm: Any) -> None:
    web = ours.vms.services.register(vm.id, "web", 8080)
    assert ours.vms.services.register(vm.id, name="web", port=8080) == web
    assert (web.port, web.h2c) == (8080, False)
    with pytest.raises(fastvm.ConflictError):
        ours.vms.services.register(vm.id, "web", 8081)
    assert ours.vms.services.update(vm.id, "web", port=8081, h2c=True).h2c is True
    assert [each.name for each in ours.vms.services.list(vm.id)] == ["web"]
    assert ours.vms.services.delete(vm.id, "web") is None
    assert ours.vms.services.list(vm.id) == []


def test_ttl_and_metadata(ours: Any, launch: Any) -> None:
    vm = launch(ttl={"action": "pause", "seconds": 3600}, metadata={"a_b": "c"})
    assert (vm.ttl.action, vm.ttl.seconds, vm.metadata) == ("pause", 3600, {"a_b": "c"})
    assert ours.vms.refresh_ttl(vm.id).expires_at_ms >= vm.expires_at_ms
    changed = ours.vms.update(vm.id, name=" renamed  vm ", metadata={}, ttl=None)
    assert (changed.name, changed.metadata, changed.ttl) == ("renamed vm", {}, None)


def test_snapshots(ours: Any, vm: Any) -> None:
    made = ours.snapshots.create(vm.id, name="  point  one ")
    assert (made.name, made.status, made.created_at.tzinfo is not None) == ("point one", "ready", True)
    assert ours.snapshots.retrieve(made.id) == made
    assert ours.snapshots.update(made.id, name="renamed").name == "renamed"
    restored = ours.snapshots.restore(made, name="from it")
    assert (restored.status, restored.source_name) == ("running", "renamed")
    assert ours.snapshots.delete(made.id).deleted is True
    with pytest.raises(fastvm.NotFoundError):
        ours.snapshots.retrieve(made.id)


def test_disk_usage(ours: Any) -> None:
    usage = ours.disk_usage.retrieve()
    assert usage.host.total_bytes > usage.host.free_bytes > 0
    assert usage.used_bytes >= max(share.own_bytes for share in usage.vms)


def test_quotas_and_health(ours: Any) -> None:
    quotas = ours.quotas.retrieve()
    assert quotas.usage.vcpu >= 1 and quotas.limits.memory_mi_b > 0
    assert ours.health().status == "ok"


def test_the_console(ours: Any, vm: Any) -> None:
    with ours.vms.console(vm, columns=132, rows=43) as console:
        console.send("stty size; echo done-$((6 * 7))\r")
        shown = b""
        for data in console:
            shown += data
            if b"done-42" in shown:
                break
        assert b"43 132" in shown
        console.resize(100, 30)
        console.send(b"stty size; echo again-$((6 * 7))\r")
        for data in console:
            shown += data
            if b"again-42" in shown:
                break
        assert b"30 100" in shown
    console.close()


def test_the_flat_client(daemon: Daemon, vm: Any) -> None:
    async def whole() -> None:
        async with fastvm.FastVM() as client:
            left, right = await client.fork(vm.id, count=2, names=["left", "right"])
            assert (left.name, right.memory_mib) == ("left", 2048)
            assert (await client.pause(left)).status == "paused"
            assert (await client.resume(left)).status == "running"
            assert (await client.stats(left)).status == "running"
            assert isinstance((await client.logs(left)).console, str)
            assert (await client.firewall_hits(left)).policy is not None
            result = await client.run(left, ["cat"], stdin="given")
            assert result == fastvm.CommandResult(0, "given", "", False, False, False, result.duration_ms)
            async with await client.console(right) as console:
                await console.send("echo flat-$((6 * 7))\r")
                shown = b""
                async for data in console:
                    shown += data
                    if b"flat-42" in shown:
                        break

    asyncio.run(whole())
