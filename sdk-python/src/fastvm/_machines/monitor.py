"""What is said at the monitor's socket. Does no input or output."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from .._options import present
from .models import MachineInfo
from .sessions import raise_unless_passing


class MonitorEvent(NamedTuple):
    """
    `snapshot`: the machine's record at first, and again where the connection was lost; `update`: when that changed; `metrics`
    and `processes`: of each look.
    """

    type: str
    machine: Optional[MachineInfo] = None
    metrics: Optional[Dict[str, Any]] = None
    processes: Optional[List[Dict[str, Any]]] = None


def subscription(machine_id: str, interval_ms: Optional[int], include_processes: bool) -> Dict[str, Any]:
    return present(
        type="monitor_subscribe", id=machine_id, interval_ms=interval_ms, include_processes=include_processes or None
    )


def monitor_event(message: Mapping[str, Any]) -> Optional[MonitorEvent]:
    """None of what a later server tells besides. Raises for what ends it."""
    kind = str(message.get("type"))
    if kind == "error":
        raise_unless_passing(message)
    if kind in ("snapshot", "update"):
        return MonitorEvent(kind, machine=MachineInfo.from_dict(message["machine"]))
    if kind == "metrics":
        return MonitorEvent(kind, metrics=dict(message["metrics"]))
    if kind == "processes":
        return MonitorEvent(kind, processes=list(message["processes"]))
    return None
