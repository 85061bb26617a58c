"""
The place of a reader in a stream of lifecycle events: what it asks for when it connects, and after it was cut off. Does no
input or output.

From the first event on, a connection that is made anew asks for what came after the last event that was handed out, so
each comes once and in order. Before the first one of a reader that wants no replay, the newest event that there was
takes that place.
"""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping, Optional

from .._options import present
from .errors import EventGapError, MachineError, machine_error
from .models import LifecycleEvent

EventId = Optional[str]
# Whoever restarts a daemon with many machines is back by then.
GIVE_UP_SECONDS = 300.0
FIRST_PAUSE_SECONDS = 0.1
LAST_PAUSE_SECONDS = 2.0
# As many as the server replays.
MAX_REPLAY = 1000
# What passes by itself; all else that a server says is the end.
PASSING = ("internal", "database_unavailable", "out_of_disk")


class StreamPlace:
    def __init__(
        self,
        *,
        after_event_id: Optional[str] = None,
        live_only: bool = False,
        replay_limit: Optional[int] = None,
        filters: Optional[Mapping[str, Any]] = None,
    ) -> None:
        self.last_event_id = after_event_id
        self._live_only = live_only
        self._replay_limit = replay_limit
        self._filters = dict(filters or {})
        self._failures = 0
        #: Whether the newest event that there is must be known before the first connection is made.
        self.wants_newest = after_event_id is None and (live_only or replay_limit == 0)

    def begin_after(self, event_id: Optional[str]) -> None:
        """None where there is none yet: all that come are new."""
        self.wants_newest = False
        self.last_event_id = event_id
        self._live_only, self._replay_limit = False, MAX_REPLAY

    def query(self) -> Dict[str, str]:
        if self.last_event_id is not None:
            return {**self._filters, "after_event_id": self.last_event_id}
        limit = None if self._replay_limit is None else str(self._replay_limit)
        return {**self._filters, **present(live_only="true" if self._live_only else None, replay_limit=limit)}

    def take(self, text: str) -> Optional[LifecycleEvent]:
        """The event of a message, if it is one. Raises for what ends the stream."""
        message = parsed(text)
        kind = message.get("type")
        if kind == "gap":
            raise EventGapError(
                "Events after the one that was seen last are no longer kept",
                code="event_gap",
                suggested_action="Read the list of events, and stream from the newest",
            )
        if kind == "error":
            code, said = str(message.get("code")), str(message.get("message"))
            if code in PASSING:
                return None
            raise machine_error(code, said)
        # Whatever it is, somebody is there.
        self._failures = 0
        if kind != "event" or not isinstance(message.get("event"), dict):
            return None
        event = LifecycleEvent.from_dict(message["event"])
        self.last_event_id = event.id
        return event

    def pause(self) -> float:
        """Seconds until the next attempt."""
        self._failures += 1
        grown: float = FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures - 1, 10)
        return min(grown, LAST_PAUSE_SECONDS)


def parsed(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, dict):
        return value
    raise MachineError(f"A message of the stream cannot be read: {text[:200]}", code="invalid_response")
