"""A quarter of a gigabyte goes up and comes back in little memory."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import pytest

from .conftest import FOLDER, Daemon

MIB = 2**20
# Enough to see something grow in a quarter of a minute. FASTVM_TEST_FILE_MIB says otherwise.
SIZE_MIB = int(os.environ.get("FASTVM_TEST_FILE_MIB", "256"))
BLOCK_BYTES = 4 * MIB
# All that a process may take that does it, with Python itself, which has 38 by then; a copy of the file is far above.
MOST_MIB = 64
# More than that, too.
STDIN_MIB = min(SIZE_MIB, 128)
# An emulated guest takes some 30 MiB a second, and fewer when the machine is busy.
DEADLINE_SECONDS = 120 + SIZE_MIB
PROGRAM = Path(__file__).with_name("transfer_program.py")
SOURCES = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture(scope="module")
def sent(daemon: Daemon) -> Iterator[Tuple[Path, str]]:
    """On a disk: /tmp may lie in memory. Bytes that nothing can compress."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        path = Path(folder, "sent")
        digest = hashlib.sha256()
        with open(path, "wb") as file:
            for _ in range(SIZE_MIB * MIB // BLOCK_BYTES):
                block = os.urandom(BLOCK_BYTES)
                digest.update(block)
                file.write(block)
        yield path, digest.hexdigest()


def transfer(*arguments: str) -> Dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    report: Dict[str, Any] = json.loads(done.stdout)
    assert report["before"] < report["peak"] < MOST_MIB
    return report


def test_it_goes_up_and_comes_back(client: Any, launch: Any, sent: Tuple[Path, str]) -> None:
    """One way by each client: both are of one source."""
    vm = launch(disk_gi_b=12)
    path, digest = sent
    up = transfer("asyncio", "upload", vm.id, str(path), "/root/large")
    assert up["bytes"] == SIZE_MIB * MIB and up["calls"] > SIZE_MIB / 16
    back = path.with_name("back")
    down = transfer("threads", "download", vm.id, str(back), "/root/large")
    assert down["bytes"] == SIZE_MIB * MIB and down["calls"] > SIZE_MIB / 16
    found = hashlib.sha256()
    with open(back, "rb") as file:
        for block in iter(lambda: file.read(BLOCK_BYTES), b""):
            found.update(block)
    assert found.hexdigest() == digest


def test_a_command_reads_as_much(vm: Any, sent: Tuple[Path, str]) -> None:
    path, _ = sent
    with open(path, "rb") as file:
        expected = hashlib.sha256(file.read(STDIN_MIB * MIB)).hexdigest()
    report = transfer("threads", f"stdin:{STDIN_MIB}", vm.id, str(path), "")
    assert report["output"].split()[0] == expected
