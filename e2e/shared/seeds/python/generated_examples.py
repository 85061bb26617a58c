"""What the generated Python client was documented with, one test for each example or call. Image builds are not among them yet."""

import os
import subprocess
import tempfile
import unittest

import wire
from generated_client import Client

# The image has no make, and the example is about its output.
FAKE_MAKE = "printf '#!/bin/sh\\necho compiling with $1\\necho warning >&2\\nexit 2\\n' > /usr/local/bin/make; chmod 755 /usr/local/bin/make"
UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class GeneratedExamples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = Client()
        cls.vm = cls.client.launch(machineType="c1m2", name="dev")
        cls.path = f"/v1/vms/{cls.vm['id']}"
        cls.folder = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.client.call("DELETE", cls.path)
        cls.folder.cleanup()

    def local(self, name):
        return os.path.join(self.folder.name, name)

    def guest(self, script):
        result = self.client.run(self.vm["id"], script)
        self.assertEqual(result["exitCode"], 0, result)
        return result["stdout"]

    def fails(self, status, *call):
        with self.assertRaises(wire.ApiError) as failure:
            self.client.call(*call)
        self.assertEqual(failure.exception.status, status)
        self.assertIsInstance(failure.exception.body["error"], str)

    def test_health(self):
        self.assertEqual(self.client.health()["status"], "ok")

    def test_launch_and_wait(self):
        vm = self.client.launch(machineType="c1m2", name="dev")
        self.assertEqual(vm["status"], "running")
        self.assertRegex(vm["id"], UUID)
        self.assertEqual(self.client.call("DELETE", f"/v1/vms/{vm['id']}"), {"id": vm["id"], "deleted": True})

    def test_launch_from_snapshot(self):
        snapshot = self.client.call("POST", "/v1/snapshots", {"vmId": self.vm["id"]})
        self.assertEqual(snapshot["name"], f"snapshot-{self.vm['id'][:8]}")
        vm = self.client.launch(snapshotId=snapshot["id"])
        self.assertEqual([vm["status"], vm["sourceName"]], ["running", snapshot["name"]])
        self.client.call("DELETE", f"/v1/vms/{vm['id']}")

    def test_launch_without_waiting_then_wait_until_ready(self):
        raw = self.client.launch(machineType="c1m2", wait=False)
        self.assertIn(raw["status"], ("running", "provisioning"))
        vm = self.client.wait_for_vm_ready(self.client.call("GET", f"/v1/vms/{raw['id']}")["id"], timeout=120)
        self.assertEqual(vm["status"], "running")
        self.client.call("DELETE", f"/v1/vms/{vm['id']}")

    def test_run_a_shell_string(self):
        self.guest("echo hello > /root/listed")
        result = self.client.run(self.vm["id"], "ls -la /root")
        self.assertEqual(result["exitCode"], 0)
        self.assertIn("listed", result["stdout"])

    def test_run_an_argument_list(self):
        self.guest("printf 'import sys; print(sys.argv[1:])' > /root/main.py")
        result = self.client.run(self.vm["id"], ["python3", "main.py", "--flag"])
        self.assertEqual(result["stdout"], "['--flag']\n")

    def test_stream_events(self):
        self.guest(FAKE_MAKE)
        events = list(self.client.stream(self.vm["id"], "make -j8"))
        out = b"".join(event["data"] for event in events if event["type"] == "o")
        err = b"".join(event["data"] for event in events if event["type"] == "e")
        self.assertEqual([out, err], [b"compiling with -j8\n", b"warning\n"])
        self.assertEqual([events[-1]["type"], events[-1]["exit_code"], events[-1]["timed_out"]], ["x", 2, False])
        self.assertGreaterEqual(events[-1]["duration_ms"], 0)

    def test_upload_a_file(self):
        with open(self.local("config.toml"), "w") as file:
            file.write("a = 1\n")
        self.client.upload(self.vm["id"], self.local("config.toml"), "/etc/app.toml")
        self.assertEqual(self.guest("cat /etc/app.toml"), "a = 1\n")

    def test_upload_and_download_a_folder(self):
        os.makedirs(self.local("src/deep/empty"))
        with open(self.local("src/deep/ünï.txt"), "w") as file:
            file.write("text")
        with open(self.local("src/zero"), "w"):
            pass
        self.client.upload(self.vm["id"], self.local("src"), "/root/src")
        listed = self.guest("cd /root/src && find . | sort")
        self.assertEqual(listed.split(), [".", "./deep", "./deep/empty", "./deep/ünï.txt", "./zero"])
        self.assertEqual(self.guest("ls /tmp/fastvm-upload-* 2>/dev/null || true"), "")
        self.client.download(self.vm["id"], "/root/src", self.local("back"))
        self.assertEqual(subprocess.run(["diff", "-r", self.local("src"), self.local("back")]).returncode, 0)

    def test_download_a_file(self):
        self.guest("printf line > /root/out.log")
        self.client.download(self.vm["id"], "/root/out.log", self.local("made/for it/out.log"))
        with open(self.local("made/for it/out.log")) as file:
            self.assertEqual(file.read(), "line")

    def test_download_what_is_missing(self):
        with self.assertRaises(FileNotFoundError):
            self.client.download(self.vm["id"], "/root/nothing", self.local("nothing"))

    def test_presign_and_fetch_by_hand(self):
        presign = self.client.presign(self.vm["id"], "/root/file.txt")
        self.assertEqual(presign["maxUploadBytes"], self.vm["diskGiB"] * 1024**3)
        wire.put_bytes(presign["uploadUrl"], b"by hand")
        fetched = self.client.fetch(self.vm["id"], presign["downloadUrl"], "/root/file.txt")
        self.assertEqual([fetched["exitCode"], self.guest("cat /root/file.txt")], [0, "by hand"])

    def test_list_by_status_and_metadata(self):
        self.client.call("PATCH", self.path, {"metadata": {"env": "prod"}})
        for query, found in [("status=running", True), ("status=unheard-of", False)]:
            ids = [vm["id"] for vm in self.client.call("GET", f"/v1/vms?{query}")]
            self.assertEqual(self.vm["id"] in ids, found, query)
        self.assertEqual(len(self.client.call("GET", "/v1/vms?metadata.env=prod")), 1)

    def test_update_name_metadata_and_ttl(self):
        vm = self.client.call("PATCH", self.path, {"name": " renamed  vm ", "ttl": {"action": "pause", "seconds": 3600}})
        self.assertEqual([vm["name"], vm["ttl"]["seconds"]], ["renamed vm", 3600])
        self.assertGreaterEqual(self.client.call("POST", f"{self.path}/ttl/refresh")["expiresAtMs"], vm["expiresAtMs"])
        self.assertIsNone(self.client.call("PATCH", self.path, {"ttl": None}).get("ttl"))
        self.fails(409, "POST", f"{self.path}/ttl/refresh")
        self.fails(400, "PATCH", self.path, {})

    def test_pause_and_resume(self):
        self.guest("echo kept > /dev/shm/memory")
        for _ in range(2):
            self.assertEqual(self.client.call("POST", f"{self.path}/pause")["status"], "paused")
        for _ in range(2):
            self.assertEqual(self.client.call("POST", f"{self.path}/resume")["status"], "running")
        self.assertEqual(self.guest("cat /dev/shm/memory"), "kept\n")

    def test_set_and_patch_firewall(self):
        rule = {"action": "allow", "kind": "cidr", "value": "::/0", "protocol": "tcp", "ports": "8080-8090"}
        policy = {"ingress": {"default": "deny", "rules": [rule]}, "egress": {"default": "allow"}}
        vm = self.client.call("PUT", f"{self.path}/firewall", policy)
        self.assertEqual(vm["firewall"]["ingress"]["rules"], [rule])
        vm = self.client.call("PATCH", f"{self.path}/firewall", {"dns": {"mode": "deny", "domains": ["bad.example"]}})
        self.assertEqual(vm["firewall"]["dns"]["domains"], ["bad.example"])
        self.assertEqual(vm["firewall"]["ingress"]["rules"], [rule])
        dead = {"action": "allow", "kind": "fqdn", "value": "bad.example", "protocol": "any", "ports": "any"}
        self.fails(400, "PATCH", f"{self.path}/firewall", {"egress": {"default": "deny", "rules": [dead]}})
        self.client.call("PUT", f"{self.path}/firewall", {})

    def test_console_token(self):
        token = self.client.call("POST", f"{self.path}/console-token")
        self.assertEqual(set(token), {"token", "expiresInSec", "websocketPath"})
        self.assertEqual(token["websocketPath"], f"{self.path}/console/ws")

    def test_services(self):
        services = f"{self.path}/services"
        for _ in range(2):
            web = self.client.call("POST", services, {"name": "web", "port": 8080})
        self.assertEqual([web["name"], web["port"], web.get("h2c", False)], ["web", 8080, False])
        self.fails(409, "POST", services, {"name": "web", "port": 8081})
        self.assertEqual(self.client.call("PUT", f"{services}/web", {"port": 8081, "h2c": True})["port"], 8081)
        self.assertEqual([each["name"] for each in self.client.call("GET", services)], ["web"])
        automatic = self.client.call("GET", self.path)["effectiveFirewall"]["ingress"]["rules"]
        self.assertIn("auto: proxy service web", [rule["description"] for rule in automatic])
        for _ in range(2):
            self.assertIsNone(self.client.call("DELETE", f"{services}/web"))

    def test_ssh_keys(self):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.local("id_ed25519")], check=True)
        with open(self.local("id_ed25519.pub")) as file:
            public_key = file.read()
        keys = f"{self.path}/ssh-keys"
        # As it was read, with its newline, as the documented example does.
        key = self.client.call("POST", keys, {"publicKey": public_key, "name": "laptop"})
        told = subprocess.run(["ssh-keygen", "-lf", self.local("id_ed25519.pub")], capture_output=True, text=True)
        self.assertIn(key["fingerprint"], told.stdout)
        self.assertIn(key["publicKey"], self.guest("cat /root/.ssh/authorized_keys2"))
        self.assertEqual([each["name"] for each in self.client.call("GET", keys)["keys"]], ["laptop"])
        removed = self.client.call("DELETE", f"{keys}/{wire.segment(key['fingerprint'])}")
        self.assertEqual(removed, {"id": key["fingerprint"], "deleted": True})
        self.assertNotIn(key["publicKey"], self.guest("cat /root/.ssh/authorized_keys2 || true"))

    def test_snapshots(self):
        made = self.client.call("POST", "/v1/snapshots", {"vmId": self.vm["id"], "name": "  point  one "})
        self.assertEqual([made["name"], made["status"]], ["point one", "ready"])
        path = f"/v1/snapshots/{made['id']}"
        self.assertEqual(self.client.call("GET", path)["vmId"], self.vm["id"])
        self.assertEqual(self.client.call("PATCH", path, {"name": "renamed"})["name"], "renamed")
        self.assertIn(made["id"], [each["id"] for each in self.client.call("GET", "/v1/snapshots")])
        self.assertEqual(self.client.call("DELETE", path), {"id": made["id"], "deleted": True})
        self.fails(404, "GET", path)

    def test_quotas(self):
        quotas = self.client.call("GET", "/v1/org/quotas")
        self.assertLessEqual({"vcpu", "memoryMiB", "diskGiB", "snapshotCount"}, set(quotas["usage"]))
        self.assertGreaterEqual(quotas["usage"]["vcpu"], 1)

    def test_unknown_id_and_unknown_path(self):
        self.fails(404, "GET", "/v1/vms/vm_does_not_exist_000000")
        self.fails(404, "GET", "/_stainless_unknown_path")
