"""What waits: the only module that is written twice, here for threads."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

T = TypeVar("T")


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def in_thread(function: Callable[..., T], *args: object) -> T:
    return function(*args)
