"""What the first Python client was documented with, one test for each example."""

import time
import unittest

from flat_client import FlatClient
from wire import ApiError

OUTPUT_DEADLINE_SECONDS = 20
TRAIN = 'import time\nfor epoch in range(100):\n    print("epoch", epoch, flush=True)\n    time.sleep(0.2)\n'
VM_FIELDS = {"id", "name", "orgId", "machineName", "cpu", "memoryMiB", "diskGiB", "status", "createdAt", "firewall"}
RESULT_FIELDS = {"exitCode", "stdout", "stderr", "timedOut", "stdoutTruncated", "stderrTruncated", "durationMs"}


class FlatExamples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = FlatClient().__enter__()
        cls.vm = cls.client.launch()
        cls.client.run(cls.vm, f"cat > train.py <<'END'\n{TRAIN}END")

    @classmethod
    def tearDownClass(cls):
        cls.client.remove(cls.vm)
        cls.client.__exit__()

    def test_quick_start_launch_snapshot_restore_run(self):
        with FlatClient() as client:
            vm = client.launch(machine="c1m2")
            snapshot = client.snapshot(vm, name="my-snap")
            restored = client.restore(snapshot)
            result = client.run(restored, "echo hello")
            self.assertEqual(result["stdout"], "hello\n")
            self.assertLessEqual(VM_FIELDS, set(vm))
            client.remove(vm)
            client.remove(restored)

    def test_launch_with_machine_name_and_disk(self):
        vm = self.client.launch(machine="c2m4", name="my-vm", disk_gib=20)
        self.assertEqual([vm["name"], vm["cpu"], vm["memoryMiB"], vm["diskGiB"]], ["my-vm", 2, 4096, 20])
        self.client.remove(vm)

    def test_get_list_rename_remove(self):
        vm = self.client.launch()
        self.assertEqual(self.client.get(vm["id"])["status"], "running")
        self.assertIn(vm["id"], [each["id"] for each in self.client.list()])
        self.assertEqual(self.client.rename(vm, "new-name")["name"], "new-name")
        self.client.remove(vm)
        with self.assertRaises(ApiError) as gone:
            self.client.get(vm)
        self.assertEqual(gone.exception.status, 404)

    def test_set_and_patch_firewall(self):
        self.assertEqual(self.client.set_firewall(self.vm, {"mode": "open"})["firewall"]["mode"], "open")
        patched = self.client.patch_firewall(self.vm, {"mode": "restricted"})
        self.assertEqual(patched["firewall"]["mode"], "restricted")

    def test_launch_with_firewall_rules(self):
        rules = [
            {"protocol": "tcp", "portStart": 22, "description": "SSH"},
            {"protocol": "tcp", "portStart": 8080, "description": "HTTP"},
        ]
        vm = self.client.launch(firewall={"mode": "restricted", "ingress": rules})
        self.assertEqual(vm["firewall"]["mode"], "restricted")
        self.assertEqual([rule["portStart"] for rule in vm["firewall"]["ingress"]], [22, 8080])
        self.client.remove(vm)

    def test_run_a_command(self):
        result = self.client.run(self.vm, "python3 --version")
        self.assertRegex(result["stdout"], r"^Python 3\.11\.\d+\n$")
        self.assertEqual(result["exitCode"], 0)
        self.assertEqual(set(result), RESULT_FIELDS)
        self.assertEqual(self.client.run(self.vm, ["printf", "%s|", "a b"])["stdout"], "a b|")

    def test_detach_with_nohup(self):
        self.client.run(self.vm, "nohup python3 train.py > /tmp/train.log 2>&1 &")
        self.until_epoch("tail -20 /tmp/train.log")

    def test_detach_with_tmux(self):
        self.client.run(self.vm, "tmux new-session -d -s train 'python3 train.py'")
        self.until_epoch("tmux capture-pane -t train -p")

    def until_epoch(self, command):
        deadline = time.monotonic() + OUTPUT_DEADLINE_SECONDS
        while "epoch" not in self.client.run(self.vm, command)["stdout"]:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)

    def test_snapshot_restore_rename_list_remove(self):
        snap = self.client.snapshot(self.vm, name="before-deploy")
        self.assertEqual([snap["name"], snap["vmId"], snap["status"]], ["before-deploy", self.vm["id"], "ready"])
        restored = self.client.restore(snap, name="worker-01")
        self.assertEqual([restored["name"], restored["sourceName"]], ["worker-01", "before-deploy"])
        snap = self.client.rename_snapshot(snap, "v2-stable")
        self.assertIn("v2-stable", [each["name"] for each in self.client.list_snapshots()])
        self.client.remove_snapshot(snap)
        self.assertNotIn(snap["id"], [each["id"] for each in self.client.list_snapshots()])
        self.client.remove(restored)

    def test_quotas(self):
        usage = self.client.quotas()
        self.assertGreaterEqual(usage["limits"]["vcpu"], usage["usage"]["vcpu"])
        self.assertLessEqual({"vcpu", "memoryMiB", "diskGiB", "snapshotCount"}, set(usage["usage"]))
