"""Machines as programs for the second API use them, on real VMs."""

from __future__ import annotations

from typing import Any, Iterator, List

import fastvm
import pytest

import nullspace

from .conftest import Daemon, eventually
from .machine_kills import KillRun

# Of which the daemon keeps a template: one of a size of its own would boot first.
SIZE = {"memory_mb": 2048}


@pytest.fixture(scope="module")
def shared_id(client: fastvm.FastvmClient, vm: fastvm.types.VM) -> Iterator[str]:
    """A machine is a VM: the one of all tests, under its name in this API."""
    yield "mch_" + vm.id.replace("-", "")
    client.vms.update(vm, ttl=None)


def test_a_machine_in_all_its_parts(machines: Any, shared_id: str) -> None:
    machine = machines.connect(shared_id)
    assert machine.commands.run("cd /tmp; pwd; echo $MARK", shell=True, envs={"MARK": "m-1"}).stdout == "/tmp\nm-1\n"
    failed = machine.commands.run("sh", ["-c", "echo no >&2; exit 3"])
    assert (failed.exit_code, failed.stderr) == (3, "no\n")
    with pytest.raises(nullspace.TimeoutError) as late:
        machine.commands.run("sleep", ["60"], timeout=1)
    assert (late.value.code, isinstance(late.value.request_id, str)) == ("exec_timeout", True)
    files_of(machine)
    processes_of(machine)
    sessions_of(machine)
    lease = machine.set_timeout(600, timeout_action="hibernate")
    assert (lease.timeout_ms, lease.timeout_action) == (600_000, "hibernate")
    with machine.keepalive(600, refresh_every_secs=0.2) as alive:
        first = alive.lease.timeout_at
        eventually(lambda: alive.lease.timeout_at > first)
    assert machine.get_info(fields=["id", "status"]) == {"id": machine.id, "status": "running"}
    assert (machine.id, 2048) in [(each.id, each.config.memory_mb) for each in machines.list(state=["running"])]


def files_of(machine: Any) -> None:
    written = machine.files.write("/workspace/notes/a.txt", "hello\n", mode="0640")
    assert (written.size, written.mode, written.modified_at.tzinfo is not None) == (6, "0640", True)
    machine.files.write_files([("/workspace/notes/b.bin", b"\x00\xff"), ("/workspace/notes/c.txt", "c")])
    assert machine.files.read("/workspace/notes/a.txt") == "hello\n"
    assert machine.files.read("/workspace/notes/b.bin", format="bytes") == b"\x00\xff"
    assert b"".join(machine.files.read("/workspace/notes/a.txt", format="stream")) == b"hello\n"
    assert [each.name for each in machine.files.list("/workspace/notes")] == ["a.txt", "b.bin", "c.txt"]
    machine.files.rename("/workspace/notes/c.txt", "/workspace/notes/d.txt")
    assert (machine.files.exists("/workspace/notes/c.txt"), machine.files.exists("/workspace/notes/d.txt")) == (False, True)
    assert machine.files.set_permissions("/workspace/notes/d.txt", "0600").mode == "0600"
    with pytest.raises(nullspace.BatchWriteError) as partly:
        machine.files.write_files([("/workspace/e", "e"), ("/workspace/.nullspace/x", "x")])
    assert (partly.value.successes, partly.value.failures[0][1].code) == (["/workspace/e"], "invalid_request")
    assert [(each.path, each.line) for each in machine.files.search("/workspace/notes", text="hell").matches] == [("/workspace/notes/a.txt", 1)]
    assert machine.files.replace("/workspace/notes", "hello", "bye", name="*.txt").replacements == 1
    assert machine.files.read("/workspace/notes/a.txt") == "bye\n"
    machine.files.remove("/workspace/notes", recursive=True)
    with pytest.raises(nullspace.NotFoundError):
        machine.files.info("/workspace/notes")


def processes_of(machine: Any) -> None:
    process = machine.commands.run("read name; echo hello $name; exit 4", shell=True, background=True)
    assert (process.pid, True) in [(each.pid, each.running) for each in machine.commands.list()]
    assert process.send_stdin("world\n") == 6
    result = process.wait(timeout=60)
    assert (result.exit_code, result.stdout, process.kill()) == (4, "hello world\n", False)
    sleeper = machine.commands.run("sleep", ["600"], background=True)
    with pytest.raises(nullspace.TimeoutError):
        sleeper.wait(timeout=0)
    assert sleeper.kill()


def sessions_of(machine: Any) -> None:
    stream = machine.commands.stream("read name; echo hello $name; echo no >&2; exit 4", shell=True)
    stream.send_stdin("world\n")
    written = list(stream)
    assert "".join(each.text for each in written if each.stream == "stdout") == "hello world\n"
    assert "".join(each.text for each in written if each.stream == "stderr") == "no\n"
    assert stream.exit_code == 4
    again = machine.commands.connect(stream.pid, offset=6)
    assert "".join(each.text for each in again if each.stream == "stdout") == "world\n"

    terminal = machine.pty.create(cols=91, rows=31, command="sh")
    terminal.resize(92, 32)
    terminal.send_input("stty size; exit 5\n")
    assert "32 92" in "".join(each.text for each in terminal)
    assert (terminal.exit_code, machine.pty.kill(terminal.session_id)) == (5, False)
    assert terminal.session_id in [each["session_id"] for each in machine.pty.list()]

    machine.files.make_dir("/workspace/watched")
    watch = machine.files.watch_dir("/workspace/watched")
    # Not by a write of ours, which is told of under the name that it has until it is whole.
    machine.commands.run("mkdir", ["/workspace/watched/a"])
    event = next(each for each in watch)
    assert (event.type, event.path) == ("create", "/workspace/watched/a")
    watch.close()
    machine.files.remove("/workspace/watched", recursive=True)
    (sample,) = machine.get_metrics()
    assert sample["memory_total_bytes"] > sample["memory_used_bytes"] > 0 and sample["disk_total_bytes"] > 0


def test_git(machine_settings: None, shared_id: str) -> None:
    """All of it is tested with the git of this machine; here, that there is one where a program looks for it."""
    machine = nullspace.Machine.connect(shared_id)
    machine.git.configure_user("Agent", "agent@example.com")
    assert machine.git.get_config("user.name") == "Agent"
    with pytest.raises(nullspace.GitError, match="not a git repository"):
        machine.git.status("/workspace")


@pytest.mark.parametrize("machines", ["asyncio"], indirect=True)
def test_a_pause_and_what_comes_of_it(machines: Any) -> None:
    heard: List[Any] = []
    with machines.create(**SIZE, on_timeout="pause") as machine:
        subscription = machine.subscribe(heard.append)
        machine.files.write("/dev/shm/kept", "in memory")
        with machine.fork() as child:
            assert child.id != machine.id and child.files.read("/dev/shm/kept") == "in memory"
        pause = machine.hibernate()
        assert pause.kind == "pause"
        assert machines.get_info_by_id(machine.id).status == "paused"
        with pytest.raises(nullspace.ConflictError) as early:
            machine.commands.run("true")
        assert early.value.code == "machine_not_ready"
        with machines.resume(pause) as again:
            assert again.id != machine.id and again.files.read("/dev/shm/kept") == "in memory"
            snapshot = again.create_snapshot()
            assert snapshot.kind == "reusable" and snapshot.id in [each.id for each in machines.list_snapshots()]
            with machines.create(snapshot_id=snapshot.id) as copy:
                assert copy.files.read("/dev/shm/kept") == "in memory"
            listed = machine.list_lifecycle(order="asc").events
            eventually(lambda: len(heard) >= len(listed))
            subscription.stop()
            machines.delete_snapshot(snapshot)
    assert [each.id for each in heard] == [each.id for each in listed]
    assert ("hibernate", "succeeded") in [(each.operation, each.status) for each in listed]


def test_one_that_is_not_there(machines: Any) -> None:
    with pytest.raises(nullspace.NotFoundError) as missing:
        machines.get_info_by_id("mch_" + "0" * 32)
    assert (missing.value.code, missing.value.status_code) == ("machine_not_found", 404)
    with pytest.raises(nullspace.AuthError):
        machines.list(api_key="ns_live_" + "0" * 40)


def test_events_over_daemons_that_are_killed(machine_settings: None, shared_id: str, daemon: Daemon) -> None:
    """One, while a reader that was away catches up; `machine_kills.py` takes as many as are wanted, also of other kinds."""
    run = KillRun(daemon, shared_id, seed=17, events=10)
    run.go(kills=1, in_replay=1)
    assert run.streamed == run.listed() and len(run.streamed) > 100


def test_a_volume_in_all_its_parts(machine_settings: None, shared_id: str) -> None:
    volume = nullspace.Volume.create("of machines")
    assert nullspace.Volume.get("of machines").id == volume.id
    volume.files.make_dir("/part")
    volume.files.write("/part/a.txt", "hello")
    assert volume.files.set_permissions("/part/a.txt", "0640").mode == volume.files.info("/part/a.txt").mode == "0640"
    assert [each.path for each in volume.files.list("/", depth=1)][-1] == "/part/a.txt"
    machine = nullspace.Machine.connect(shared_id)
    attached = machine.volumes.attach("of machines", "/workspace/shared", subpath="part")
    assert (attached.status, machine.volumes.health(attached.id).healthy) == ("mounted", True)
    assert machine.commands.run("cat", ["/workspace/shared/a.txt"]).stdout == "hello"
    assert [each.machine_id for each in volume.attachments()] == [machine.id]
    machine.files.write("/workspace/shared/b.txt", "b")
    assert volume.files.read("/part/b.txt") == b"b"
    assert machine.volumes.remount(attached.id).status == "mounted"
    with pytest.raises(nullspace.MachineError) as busy:
        volume.delete()
    assert busy.value.code == "volume_busy"
    machine.volumes.detach(attached.id)
    assert machine.volumes.list() == []
    watch = volume.files.watch_dir("/", recursive=True)
    volume.files.rename("/part/a.txt", "/c")
    seen = [next(each for each in watch) for _ in range(2)]
    assert [(each.type, each.path) for each in seen] == [("remove", "/part/a.txt"), ("create", "/c")]
    watch.close()
    volume.files.remove("/part", recursive=True)
    assert volume.files.info("/c").size == 5
    volume.delete()
    assert volume.id not in [each.id for each in nullspace.Volume.list()]
