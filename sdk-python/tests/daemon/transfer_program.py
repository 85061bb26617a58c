"""
One transfer, or one command with much stdin, in a process of its own, whose memory can be told from the test's. Prints
its peak in MiB as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Callable, Iterator, List

import fastvm

KIB_OF_A_MIB = 1024


def peak_mib() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / KIB_OF_A_MIB


def main(kind: str, work: str, vm: str, local: str, remote: str) -> None:
    seen: List[int] = []
    output = ""

    def on_progress(progress: fastvm.TransferProgress) -> None:
        seen.append(progress.transferred_bytes)

    if kind == "threads":
        with fastvm.FastvmClient() as client:
            # What every client needs, its connection and its code, is there before the count begins.
            client.vms.retrieve(vm)
            before = peak_mib()
            if work == "upload":
                client.upload(vm, local, remote, on_progress=on_progress)
            elif work == "download":
                client.download(vm, remote, local, on_progress=on_progress)
            else:
                output = client.vms.run(vm, command="sha256sum", stdin=pieces(local, int(work.split(":")[1]))).stdout
    else:
        before = asyncio.run(main_async(work, vm, local, remote, on_progress))
    report = {
        "before": before,
        "peak": peak_mib(),
        "bytes": seen[-1] if seen else 0,
        "calls": len(seen),
        "output": output,
    }
    print(json.dumps(report))


def pieces(path: str, mib: int) -> Iterator[bytes]:
    with open(path, "rb") as file:
        for _ in range(mib):
            yield file.read(2**20)


async def main_async(work: str, vm: str, local: str, remote: str, on_progress: Callable[[fastvm.TransferProgress], None]) -> float:
    async with fastvm.AsyncFastvmClient() as client:
        await client.vms.retrieve(vm)
        before = peak_mib()
        if work == "upload":
            await client.upload(vm, local, remote, on_progress=on_progress)
        else:
            await client.download(vm, remote, local, on_progress=on_progress)
        return before


main(*sys.argv[1:])
