"""The lines that a build prints, as events."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar, Dict, Optional

from ._errors import APIConnectionError, APIResponseValidationError
from ._generated.models import BuildLogEvent
from ._model import Model

# Of a line that cannot be read, what is worth showing.
SHOWN_BYTES = 200
# A status that is not one of these means in progress.
COMPLETED, FAILED = "completed", "failed"


@dataclass(eq=False, repr=False)
class BuildEvent(Model):
    type: str
    """`log`, `progress` or `end`; the last one is an `end`."""
    line: Optional[str] = None
    """log: without its end."""
    progress: Optional[str] = None
    """progress: as `progress` of a build."""
    status: Optional[str] = None
    """end: `completed` or `failed`."""
    snapshot_id: Optional[str] = None
    """end: of a build that has completed."""
    error: Optional[str] = None
    """end: why it failed."""

    _wire_names: ClassVar[Dict[str, str]] = {"snapshot_id": "snapshotId"}


def build_event(line: bytes) -> Optional[BuildEvent]:
    """None for a kind of a later server. Raises for the line that says why there are no more."""
    try:
        told = BuildLogEvent.from_dict(json.loads(line))
    except (ValueError, TypeError, AttributeError) as cause:
        raise APIResponseValidationError(f"A line of the log cannot be read: {line[:SHOWN_BYTES]!r}") from cause
    if told.t == "l":
        return BuildEvent(type="log", line=told.d or "")
    if told.t == "p":
        return BuildEvent(type="progress", progress=told.d)
    if told.t != "x":
        return None
    if told.code is not None:
        raise APIConnectionError(f"The reader was cut off: {told.d}")
    return BuildEvent(type="end", status=told.status, snapshot_id=told.snapshot_id, error=told.d)
