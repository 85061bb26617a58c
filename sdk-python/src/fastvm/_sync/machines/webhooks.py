# Made by tools/unasync.py from _async/machines/webhooks.py; not to be edited.
"""`lifecycle.webhooks`: who is told of what happens by a request, and what came of each."""

from __future__ import annotations

from typing import List, Optional, Sequence

from ..._machines import webhook_routes as routes
from ..._machines.webhook_models import LifecycleDelivery, LifecycleDeliveryList, LifecycleWebhook
from ..._model import from_wire
from ..._options import present
from .connection import Connection


class LifecycleWebhooks:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self, url: str, *, signing_secret: str, operations: Optional[Sequence[str]] = None
    ) -> LifecycleWebhook:
        """Told of what happens from now on, by default of all. The secret has 16 characters or more; no answer has it."""
        named = None if operations is None else [*operations]
        body = present(url=url, operations=named, signing_secret=signing_secret)
        return self._connection.call(routes.CREATE, body=body, once=True)

    def list(self) -> List[LifecycleWebhook]:
        """Oldest first."""
        answer = self._connection.call(routes.LIST)
        found: List[LifecycleWebhook] = from_wire(routes.WEBHOOKS, answer["webhooks"])
        return found

    def get(self, webhook_id: str) -> LifecycleWebhook:
        return self._connection.call(routes.GET, webhook_id)

    def update(
        self,
        webhook_id: str,
        *,
        url: Optional[str] = None,
        operations: Optional[Sequence[str]] = None,
        signing_secret: Optional[str] = None,
        enabled: Optional[bool] = None,
    ) -> LifecycleWebhook:
        """What is not named stays. Of what happens while it is not enabled it is never told."""
        named = None if operations is None else [*operations]
        body = present(url=url, operations=named, signing_secret=signing_secret, enabled=enabled)
        return self._connection.call(routes.UPDATE, webhook_id, body=body)

    def delete(self, webhook_id: str) -> None:
        """With what waits to be told."""
        self._connection.call(routes.DELETE, webhook_id)

    def replay(self, webhook_id: str) -> int:
        """Sends again all that was given up; how many that are."""
        answer = self._connection.call(routes.REPLAY, webhook_id, body={})
        return int(answer["replayed"])

    def list_deliveries(
        self,
        webhook_id: str,
        *,
        status: Optional[str] = None,
        offset: Optional[int] = None,
        limit: Optional[int] = None,
    ) -> LifecycleDeliveryList:
        """By event, newest first."""
        query = present(status=status, offset=offset, limit=limit)
        return self._connection.call(routes.LIST_DELIVERIES, webhook_id, query=query)

    def get_delivery(self, webhook_id: str, delivery_id: str) -> LifecycleDelivery:
        return self._connection.call(routes.GET_DELIVERY, webhook_id, delivery_id)

    def replay_delivery(self, webhook_id: str, delivery_id: str) -> LifecycleDelivery:
        """Sent again under the same ids."""
        return self._connection.call(routes.REPLAY_DELIVERY, webhook_id, delivery_id, body={})
