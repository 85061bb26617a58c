"""The lines of a watch."""

from __future__ import annotations

import json

from ._errors import APIResponseValidationError, WatchEndedError
from ._generated.models import FileEvent

# Of a line that cannot be read, what is worth showing.
SHOWN_BYTES = 200


def checked_event(line: bytes) -> FileEvent:
    """Raises for the line that says why there are no more."""
    try:
        event = FileEvent.from_dict(json.loads(line))
    except (ValueError, TypeError, AttributeError) as cause:
        raise APIResponseValidationError(f"A line of the watch cannot be read: {line[:SHOWN_BYTES]!r}") from cause
    if event.type == "error":
        raise WatchEndedError(event.code or "internal", event.message or "the watch ended")
    return event
