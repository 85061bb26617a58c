"""Prints the agent's round trips and throughput over a Unix socket: python3 -B tests/measure.py build/fastvm-agent"""

import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import link_client as wire
from link_client import argv, Link

ROUND_TRIPS = 200
STREAM_MIB = 1024
MIB = 1024 * 1024


def percentiles(seconds):
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {cuts[49] * 1e6:.0f} µs, p99 {cuts[98] * 1e6:.0f} µs"


def timed(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def throughput(link, kind, request):
    """Only headers are looked at: the reader should not be what is measured."""
    stream = link.open(kind, request)
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    filled = skip = received = owed = 0
    start = time.perf_counter()
    while received < STREAM_MIB * MIB:
        filled += link.socket.recv_into(view[filled:])
        at = min(skip, filled)
        skip -= at
        while skip == 0 and filled - at >= 12:
            length = struct.unpack_from("<I", buffer, at + 8)[0]
            received += length
            owed += length
            step = min(13 + length, filled - at)
            skip = 13 + length - step
            at += step
        buffer[: filled - at] = buffer[at:filled]
        filled -= at
        if owed >= wire.WINDOW // 2:
            link.send(wire.CREDIT, stream, struct.pack("<I", owed))
            owed = 0
    return STREAM_MIB / (time.perf_counter() - start)


def main():
    agent = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "link.sock")
        process = subprocess.Popen([agent, "--listen", path])
        try:
            while not os.path.exists(path):
                time.sleep(0.01)
            time.sleep(0.1)
            link = Link(path)
            print("ping:", percentiles([timed(link.ping) for _ in range(ROUND_TRIPS)]))
            run = lambda: link.run(argv("/bin/true"))
            print("exec of /bin/true, to its EXIT:", percentiles([timed(run) for _ in range(ROUND_TRIPS)]))
            spawned = [timed(lambda: subprocess.run(["/bin/true"])) for _ in range(ROUND_TRIPS)]
            print("the same by Python's subprocess:", percentiles(spawned))
            print(f"stdout: {throughput(link, wire.OPEN_EXEC, argv('cat', '/dev/zero')):.0f} MiB/s")
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
