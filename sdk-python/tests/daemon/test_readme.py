"""Each program of the README, in a folder of its own and with the types that strict mode asks for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import List, Tuple

import pytest

from .conftest import Daemon

ROOT = Path(__file__).resolve().parents[2]
PROGRAM_SECONDS = 120
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: .+ -->\n$")


def programs() -> List[Tuple[int, str]]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [match for match in BLOCK.finditer(text) if match.group(1) == "python" and not NOT_RUN.search(text, 0, match.start())]
    return [(text.count("\n", 0, match.start()) + 2, match.group(2)) for match in blocks]


def test_there_are_programs() -> None:
    assert len(programs()) == 10
    languages = {match.group(1) for match in BLOCK.finditer((ROOT / "README.md").read_text(encoding="utf-8"))}
    assert languages == {"python", "sh"}


@pytest.mark.parametrize(("line", "program"), programs(), ids=[f"line-{line}" for line, _ in programs()])
def test_it_runs(line: int, program: str, daemon: Daemon, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONWARNINGS": "error,ignore::ResourceWarning"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PROGRAM_SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
