"""The documented methods of the generated Python client, as the calls that they make."""

import base64
import io
import json
import os
import secrets
import shlex
import tarfile
import time

import wire

FAILED = ("error", "stopped", "deleting")
SHORTEST_PAUSE_SECONDS = 0.5
CLASSIFY_MISSING = 2


class Client:
    def __init__(self):
        self.api = wire.generated(os.environ["FASTVM_BASE_URL"], os.environ["FASTVM_API_KEY"])

    def call(self, method, path, body=None, **options):
        return self.api.json(method, path, body, **options)

    def health(self):
        return self.call("GET", "/healthz")

    def launch(self, wait=True, poll_interval=2.0, wait_timeout=300.0, **body):
        vm = self.call("POST", "/v1/vms", body, max_retries=0)
        if vm["status"] == "running" or not wait:
            return vm
        return self.wait_for_vm_ready(vm["id"], poll_interval, wait_timeout)

    def wait_for_vm_ready(self, vm_id, poll_interval=2.0, timeout=300.0):
        deadline = time.monotonic() + timeout
        while True:
            vm = self.call("GET", f"/v1/vms/{vm_id}")
            if vm["status"] == "running":
                return vm
            if vm["status"] in FAILED:
                raise RuntimeError(f"VMLaunchError: {vm}")
            if time.monotonic() > deadline:
                raise TimeoutError("VMNotReadyError")
            time.sleep(max(SHORTEST_PAUSE_SECONDS, poll_interval))

    def run(self, vm_id, command, **options):
        return self.call("POST", f"/v1/vms/{vm_id}/exec", exec_body(command, options), max_retries=0)

    def stream(self, vm_id, command, **options):
        """Events of the newline-delimited form, their bytes decoded; blank lines are heartbeats."""
        body = exec_body(command, options)
        response = self.api.send("POST", f"/v1/vms/{vm_id}/exec", body, {"Accept": "application/x-ndjson"})
        assert response.status == 200, response.read()
        for line in response:
            if line.strip():
                yield decoded(json.loads(line))

    def presign(self, vm_id, path):
        return self.call("POST", f"/v1/vms/{vm_id}/files/presign", {"path": path})

    def fetch(self, vm_id, url, path, **options):
        return self.call("POST", f"/v1/vms/{vm_id}/files/fetch", {"url": url, "path": path, **options})

    def upload(self, vm_id, local_path, remote_path):
        if os.path.isdir(local_path):
            self.upload_folder(vm_id, local_path, remote_path)
            return
        presigned = self.presign(vm_id, remote_path)
        with open(local_path, "rb") as file:
            data = file.read()
        assert len(data) <= presigned["maxUploadBytes"]
        wire.put_bytes(presigned["uploadUrl"], data)
        self.fetch(vm_id, presigned["downloadUrl"], remote_path, timeoutSec=600)

    def upload_folder(self, vm_id, local_path, remote_path):
        stage = f"/tmp/fastvm-upload-{os.getpid()}-{secrets.token_hex(4)}.tar.gz"
        presigned = self.presign(vm_id, stage)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            archive.add(local_path, arcname=".")
        data = packed.getvalue()
        chunks = (data[at : at + wire.CHUNK_BYTES] for at in range(0, len(data), wire.CHUNK_BYTES))
        wire.put_bytes(presigned["uploadUrl"], chunks)
        self.fetch(vm_id, presigned["downloadUrl"], stage, timeoutSec=600)
        target = shlex.quote(remote_path)
        self.must_run(vm_id, f"set -eu; mkdir -p {target}; tar xzf {stage} -C {target}; rm -f {stage}")

    def download(self, vm_id, remote_path, local_path):
        path = shlex.quote(remote_path)
        kind = self.run(vm_id, f"test -e {path} || exit {CLASSIFY_MISSING}; test -d {path}", timeoutSec=600)
        if kind["exitCode"] == CLASSIFY_MISSING:
            raise FileNotFoundError(remote_path)
        is_folder = kind["exitCode"] == 0
        stage = f"/tmp/fastvm-download-{os.getpid()}-{secrets.token_hex(4)}.tar.gz"
        presigned = self.presign(vm_id, stage if is_folder else remote_path)
        content_type = "-H 'Content-Type: application/octet-stream'"
        curl = f"curl --fail --silent --show-error -T {'-' if is_folder else path} {content_type} {shlex.quote(presigned['uploadUrl'])}"
        self.must_run(vm_id, f"set -eu; tar czf - -C {path} . | {curl}" if is_folder else f"set -eu; {curl}")
        content = wire.get_bytes(presigned["downloadUrl"])
        if is_folder:
            os.makedirs(local_path, exist_ok=True)
            with tarfile.open(fileobj=io.BytesIO(content), mode="r|gz") as archive:
                # Python has filters since 3.11.4, and this archive is of a VM of the test's own.
                safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
                archive.extractall(local_path, **safe)
            return
        os.makedirs(os.path.dirname(local_path) or ".", exist_ok=True)
        with open(local_path, "wb") as file:
            file.write(content)

    def must_run(self, vm_id, script):
        result = self.run(vm_id, script, timeoutSec=600)
        if result["exitCode"] != 0:
            raise RuntimeError(f"FileTransferError: {result['stderr'][:2000]}")


def exec_body(command, options):
    argv = ["sh", "-c", command] if isinstance(command, str) else list(command)
    return {"command": argv, **options}


def decoded(event):
    """As the client hands it on: type, data, exit_code, timed_out, duration_ms."""
    if event["t"] == "x":
        return {"type": "x", "exit_code": event.get("c", 0), "timed_out": event.get("to", False), "duration_ms": event["ms"]}
    return {"type": event["t"], "data": base64.b64decode(event["d"])}
