from __future__ import annotations

from typing import Any, Callable, Iterator, List

import pytest
from both import KINDS, Loop, make_client

MakeClient = Callable[..., Any]


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


@pytest.fixture(params=KINDS)
def connect(request: Any, loop: Loop) -> Iterator[MakeClient]:
    """Makes a client, of each kind in turn."""
    clients: List[Any] = []

    def make(**options: Any) -> Any:
        clients.append(make_client(request.param, loop, **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """In the words by which `./test` counts."""
    stats = terminalreporter.stats
    failed = len(stats.get("failed", [])) + len(stats.get("error", []))
    terminalreporter.write_line(f"{len(stats.get('passed', []))} passed, {failed} failed")
