"""Each program of `machines_guide.md`, in the order of the guide."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

import pytest

from nullspace import WarmPool

PAGE = Path(__file__).with_name("machines_guide.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^(?:<!-- not run: ([^\n]+) -->\n)?```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: What a program prints says that it did what it shows.
PRINTED = {
    "Create": [r"mch_\w+ dev in /workspace\n\n$", r"invalid_request auto_resume\n$"],
    "Inspect and connect, and what happened meanwhile": [
        r"paused\n\[\{'id': 'mch_\w+', 'status': 'paused'\}.*\]\nTrue running\n20\S+ \S+ \d+\n(\w+ \w+\n)*resume_from_snapshot succeeded\n$"
    ],
    "Warm pools": [r"'hit': True.*\nwarm_pool_unavailable False\n$"],
    "Egress controls": [r"custom\n$"],
    "Preview URLs": [
        r"8080-\w+\.proxy\.\S+ \S+/\?edge_token=\[redacted\]\nx-nullspace-preview-proxy-token \w*…\[redacted\] http\S+\n$",
        r"https://8080-mch_1.example.com/\?edge_token=\[redacted\]&page=2\nnsp_…\[redacted\]\n$"],
    "One-shot runs": [r"0 42\n\n$"],
    "Async API": [r"hello\n\n\{'id': 'mch_\w+', 'status': 'running'\}\n$"],
}
#: What may wait, so that nothing stops being run unnoticed.
NOT_RUN: Dict[str, int] = {}


@pytest.fixture
def pools(machine_settings: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with WarmPool.create("one", min_ready=1, memory_mb=2048) as one, WarmPool.create("none", min_ready=0) as none:
        one.wait_until_ready(timeout=60)
        monkeypatch.setenv("POOL", one.id)
        monkeypatch.setenv("EMPTY_POOL", none.id)
        yield
        for pool in (one, none):
            pool.delete()


def programs() -> List[Tuple[str, str, str]]:
    """With the heading and the pattern of each."""
    found: List[Tuple[str, str, str]] = []
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        heading = section.split("\n", 1)[0]
        run = [code for reason, code in BLOCK.findall(section) if not reason]
        found += [(heading, code, pattern) for code, pattern in zip(run, PRINTED.get(heading, []))]
    return found


def test_all_are_run_but_those_that_wait() -> None:
    reasons = [reason for reason, _ in BLOCK.findall(PAGE)]
    assert {reason: reasons.count(reason) for reason in reasons if reason} == NOT_RUN
    assert len(programs()) == len(reasons) - sum(NOT_RUN.values())


@pytest.mark.parametrize(("heading", "code", "pattern"), programs(), ids=[heading for heading, _, _ in programs()])
def test_it_runs(heading: str, code: str, pattern: str, machine_settings: None, request: pytest.FixtureRequest) -> None:
    if heading == "Warm pools":
        request.getfixturevalue("pools")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, heading, "exec"), {"__name__": "__main__"})
    assert re.search(pattern, printed.getvalue()), printed.getvalue()
