"""How long to wait between two looks at a thing that is not ready yet, and when to stop."""

from __future__ import annotations

import random
import time
from typing import Optional

from ._errors import VMLaunchError, VMNotReadyError
from ._generated.models import VM

DEFAULT_POLL_SECONDS = 2.0
DEFAULT_WAIT_SECONDS = 300.0
# A client that asks more often loads the server and learns nothing sooner.
MIN_POLL_SECONDS = 0.5
JITTER = 0.1
# From these a VM does not come to run by itself.
TERMINAL = ("error", "stopped", "deleting")


class Patience:
    """Counts from where it is made."""

    def __init__(self, interval: float, seconds: float, shortest: float = MIN_POLL_SECONDS) -> None:
        self.seconds = seconds
        self._interval = max(interval, shortest)
        self._deadline = time.monotonic() + seconds

    def pause(self) -> Optional[float]:
        """Seconds to sleep before the next look; None when the time is over."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            return None
        return min(self._interval * (1 + (random.random() * 2 - 1) * JITTER), left)


def is_running(vm: VM) -> bool:
    """Raises a VMLaunchError for one that will not come to run."""
    if vm.status in TERMINAL:
        raise VMLaunchError(vm.id, vm.status, vm.status_reason)
    return vm.status == "running"


def not_ready(vm: VM, patience: Patience) -> VMNotReadyError:
    return VMNotReadyError(vm.id, vm.status, patience.seconds)
