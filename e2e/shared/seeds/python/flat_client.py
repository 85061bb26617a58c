"""The documented methods of the first Python client, as the calls that they make."""

import os
import time
import uuid

import wire

POLL_SECONDS = 0.25
READY_SECONDS = 300
TRANSIENT = (502, 503, 504)
TRANSIENT_TRIES = 3


class FlatClient:
    """A context: entering it opens the connection, as the documented one does."""

    def __init__(self):
        self.api = wire.flat(os.environ["FASTVM_BASE_URL"], os.environ["FASTVM_API_KEY"])

    def __enter__(self):
        self.api.json("GET", "/healthz")
        return self

    def __exit__(self, *_):
        self.api.connection().close()

    def launch(self, machine="c1m2", name=None, disk_gib=None, firewall=None):
        given = {"machineType": machine, "name": name or str(uuid.uuid4()), "diskGiB": disk_gib, "firewall": firewall}
        return self.started({key: value for key, value in given.items() if value is not None})

    def restore(self, snapshot, name=None, firewall=None):
        given = {"snapshotId": id_of(snapshot), "name": name or str(uuid.uuid4()), "firewall": firewall}
        return self.started({key: value for key, value in given.items() if value is not None})

    def started(self, body):
        vm = self.api.json("POST", "/v1/vms", body)
        return self.until("running", vm, lambda: self.get(vm))

    def snapshot(self, vm, name=""):
        snapshot = self.api.json("POST", "/v1/snapshots", {"vmId": id_of(vm), "name": name or str(uuid.uuid4())})
        listed = lambda: next(each for each in self.list_snapshots() if each["id"] == snapshot["id"])
        return self.until("ready", snapshot, listed)

    def until(self, status, resource, look):
        deadline = time.monotonic() + READY_SECONDS
        while resource["status"] != status:
            assert resource["status"] not in ("error", "stopped", "deleting"), resource
            assert time.monotonic() < deadline, resource
            time.sleep(POLL_SECONDS)
            resource = look()
        return resource

    def get(self, vm):
        return self.api.json("GET", f"/v1/vms/{id_of(vm)}")

    def list(self):
        return self.api.json("GET", "/v1/vms")

    def remove(self, vm):
        self.api.json("DELETE", f"/v1/vms/{id_of(vm)}")

    def rename(self, vm, name):
        return self.api.json("PATCH", f"/v1/vms/{id_of(vm)}", {"name": name})

    def set_firewall(self, vm, policy):
        return self.api.json("PUT", f"/v1/vms/{id_of(vm)}/firewall", policy)

    def patch_firewall(self, vm, patch):
        return self.api.json("PATCH", f"/v1/vms/{id_of(vm)}/firewall", patch)

    def run(self, vm, command, timeout_sec=None):
        argv = ["sh", "-c", command] if isinstance(command, str) else command
        body = {"command": argv} if timeout_sec is None else {"command": argv, "timeoutSec": timeout_sec}
        for attempt in range(1, TRANSIENT_TRIES + 1):
            try:
                return self.api.json("POST", f"/v1/vms/{id_of(vm)}/exec", body)
            except wire.ApiError as error:
                if error.status not in TRANSIENT or attempt == TRANSIENT_TRIES:
                    raise

    def list_snapshots(self):
        return self.api.json("GET", "/v1/snapshots")

    def remove_snapshot(self, snapshot):
        self.api.json("DELETE", f"/v1/snapshots/{id_of(snapshot)}")

    def rename_snapshot(self, snapshot, name):
        return self.api.json("PATCH", f"/v1/snapshots/{id_of(snapshot)}", {"name": name})

    def quotas(self):
        return self.api.json("GET", "/v1/org/quotas")


def id_of(resource):
    return resource if isinstance(resource, str) else resource["id"]
