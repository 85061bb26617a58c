"""What happens to all machines of an account."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Mapping, Optional, Type

from ..._machines import routes
from ..._machines.config import read_machine_config
from ..._machines.events import StreamPlace
from ..._machines.models import LifecycleEventList
from ..._machines.queries import lifecycle_query, stream_filters
from .background import AsyncSubscription
from .connection import AsyncConnection
from .events import AsyncEventStream
from .webhooks import AsyncLifecycleWebhooks


class AsyncLifecycle:
    """`api_key` and `base_url` as of `Machine`."""

    def __init__(self, *, api_key: Optional[str] = None, base_url: Optional[str] = None) -> None:
        self._connection = AsyncConnection(read_machine_config(api_key, base_url))
        self.webhooks = AsyncLifecycleWebhooks(self._connection)

    async def list_events(
        self,
        *,
        offset: Optional[int] = None,
        limit: Optional[int] = None,
        order: Optional[str] = None,
        operation: Optional[str] = None,
        status: Optional[str] = None,
        from_time: Optional[str] = None,
        to_time: Optional[str] = None,
        machine_id: Optional[str] = None,
        snapshot_id: Optional[str] = None,
        source_machine_id: Optional[str] = None,
        target_machine_id: Optional[str] = None,
    ) -> LifecycleEventList:
        """Newest first unless `order` is `asc`."""
        query = lifecycle_query(
            offset=offset,
            limit=limit,
            order=order,
            operation=operation,
            status=status,
            from_time=from_time,
            to_time=to_time,
            machine_id=machine_id,
            snapshot_id=snapshot_id,
            source_machine_id=source_machine_id,
            target_machine_id=target_machine_id,
        )
        return await self._connection.call(routes.LIFECYCLE, query=query)

    def stream_events(
        self,
        *,
        live_only: bool = False,
        after_event_id: Optional[str] = None,
        replay_limit: Optional[int] = None,
        machine_id: Optional[str] = None,
        snapshot_id: Optional[str] = None,
        operation: Optional[str] = None,
        status: Optional[str] = None,
        metadata: Optional[Mapping[str, str]] = None,
    ) -> AsyncEventStream:
        """As `Machine.stream_events`, of all machines, or of those with each of the pairs of `metadata`."""
        filters = stream_filters(machine_id=machine_id, snapshot_id=snapshot_id, operation=operation, status=status, metadata=metadata)
        place = StreamPlace(
            after_event_id=after_event_id, live_only=live_only, replay_limit=replay_limit, filters=filters
        )

        async def newest() -> Optional[str]:
            found = await self.list_events(limit=1)
            return found.events[0].id if found.events else None

        return AsyncEventStream(self._connection.config, "/v1/lifecycle/ws", place, newest)

    def subscribe(
        self,
        on_event: Any,
        *,
        on_error: Any = None,
        live_only: bool = False,
        after_event_id: Optional[str] = None,
        replay_limit: Optional[int] = None,
        **filters: Any,
    ) -> AsyncSubscription:
        """The same, each event handed to `on_event` beside what the caller does, until `stop`."""
        stream = self.stream_events(
            live_only=live_only, after_event_id=after_event_id, replay_limit=replay_limit, **filters
        )
        return AsyncSubscription(stream, on_event, on_error)

    async def aclose(self) -> None:
        await self._connection.aclose()

    async def __aenter__(self) -> "AsyncLifecycle":
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.aclose()
