#!/usr/bin/python3
"""Swift of Debian's as a store that speaks S3: `store.py FOLDER ADDRESS PORT`. Ready once it has printed a line; ends with its standard input."""
import os
import sys

import eventlet

eventlet.monkey_patch()

from eventlet import wsgi  # noqa: E402
import swift.common.utils as utils  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.utils import get_logger, readconf  # noqa: E402
from swift.common.wsgi import loadapp  # noqa: E402
from swift.common.storage_policy import reload_storage_policies  # noqa: E402

USER = "user_test_tester = testing .admin"
PIPELINE = "catch_errors proxy-logging s3api tempauth copy slo dlo proxy-server"


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return path


def main(folder, address, port):
    swift = os.path.join(folder, "swift")
    devices = os.path.join(folder, "devices")
    os.makedirs(swift)
    os.makedirs(os.path.join(devices, "sda"))
    write(os.path.join(swift, "swift.conf"), "[swift-hash]\nswift_hash_path_suffix = tests\n")
    utils.SWIFT_CONF_FILE = os.path.join(swift, "swift.conf")
    utils.validate_hash_conf()
    common = f"swift_dir = {swift}\ndevices = {devices}\nmount_check = false\nlog_name = swift\nbind_ip = {address}\nworkers = 0\n"
    for number, kind in enumerate(["account", "container", "object"], 1):
        ring = RingBuilder(2, 1, 1)
        ring.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, "ip": address, "port": port + number, "device": "sda"})
        ring.rebalance()
        ring.get_ring().save(os.path.join(swift, f"{kind}.ring.gz"))
    reload_storage_policies()
    for number, kind in enumerate(["account", "container", "object"], 1):
        conf = f"[DEFAULT]\n{common}[pipeline:main]\npipeline = {kind}-server\n[app:{kind}-server]\nuse = egg:swift#{kind}\n"
        serve(write(os.path.join(swift, f"{kind}.conf"), conf), address, port + number)
    filters = "".join(
        f"[filter:{name}]\nuse = egg:swift#{egg}\n{more}"
        for name, egg, more in [
            ("catch_errors", "catch_errors", ""),
            ("proxy-logging", "proxy_logging", ""),
            ("s3api", "s3api", "s3_acl = false\nlocation = us-east-1\n"),
            ("tempauth", "tempauth", USER + "\n"),
            ("copy", "copy", ""),
            ("slo", "slo", ""),
            ("dlo", "dlo", ""),
        ]
    )
    app = "[app:proxy-server]\nuse = egg:swift#proxy\nallow_account_management = true\naccount_autocreate = true\n"
    conf = f"[DEFAULT]\n{common}[pipeline:main]\npipeline = {PIPELINE}\n{filters}{app}"
    serve(write(os.path.join(swift, "proxy.conf"), conf), address, port)
    print("ready", flush=True)
    eventlet.hubs.trampoline(0, read=True)


class Memory:
    """What the servers would keep in memcached: tokens, and what they know of containers."""

    def __init__(self):
        self.kept = {}

    def get(self, key, raise_on_error=False):
        return self.kept.get(key)

    def set(self, key, value, time=0, **more):
        self.kept[key] = value

    def incr(self, key, delta=1, time=0):
        self.kept[key] = self.kept.get(key, 0) + delta
        return self.kept[key]

    def delete(self, key, **more):
        self.kept.pop(key, None)


def serve(conf, address, port):
    loaded = loadapp(conf, global_conf={"log_name": "swift"})
    memory = Memory()

    def app(env, start_response):
        env["swift.cache"] = memory
        return loaded(env, start_response)

    listener = eventlet.listen((address, port))
    eventlet.spawn(wsgi.server, listener, app, log=open(conf + ".log", "w"), debug=False)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
