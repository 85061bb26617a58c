"""What waits: the only module that is written twice, here for asyncio."""

from __future__ import annotations

import asyncio
from typing import Callable, TypeVar

T = TypeVar("T")


async def sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def in_thread(function: Callable[..., T], *args: object) -> T:
    """Local files and pipes would hold the event loop up."""
    return await asyncio.get_running_loop().run_in_executor(None, lambda: function(*args))
