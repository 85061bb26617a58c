# Made by tools/unasync.py from _async/webhooks.py; not to be edited.
"""`client.webhooks`: URLs to which the organisation's events are sent, and what came of each."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence, Union

from .._config import Timeout
from .._generated import routes
from .._generated.models import DeleteResponse, NewWebhook, Replayed, Webhook, WebhookDelivery, WebhookDeliveryPage
from .._options import CallOptions, Headers, Query, present
from .http import Http

WebhookRef = Union[str, Webhook, NewWebhook]


def id_of(webhook: WebhookRef) -> str:
    return webhook if isinstance(webhook, str) else webhook.id


class Webhooks:
    """What is sent is an event as `client.events` has it. Calls for one that is not there raise NotFoundError."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(
        self,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> List[Webhook]:
        """Oldest first."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.LIST_WEBHOOKS, options=options)

    def create(
        self,
        *,
        url: str,
        types: Optional[Sequence[str]] = None,
        secret: Optional[str] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> NewWebhook:
        """It is sent what happens from now on, or of that only `types`. Keep the secret that is made: no other answer has it."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(url=url, types=None if types is None else [*types], secret=secret)
        return self._http.call(routes.CREATE_WEBHOOK, body=body, options=options)

    def retrieve(
        self,
        webhook: WebhookRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Webhook:
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.GET_WEBHOOK, id_of(webhook), options=options)

    def update(
        self,
        webhook: WebhookRef,
        *,
        url: Optional[str] = None,
        types: Optional[Sequence[str]] = None,
        secret: Optional[str] = None,
        enabled: Optional[bool] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Webhook:
        """What waits to be sent goes to the new URL, signed with the new secret."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(url=url, types=None if types is None else [*types], secret=secret, enabled=enabled)
        return self._http.call(routes.UPDATE_WEBHOOK, id_of(webhook), body=body, options=options)

    def delete(
        self,
        webhook: WebhookRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> DeleteResponse:
        """With what waits to be sent."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.DELETE_WEBHOOK, id_of(webhook), options=options)

    def replay(
        self,
        webhook: WebhookRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Replayed:
        """Sends again all that was given up."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.REPLAY_WEBHOOK, id_of(webhook), options=options)

    def deliveries(
        self,
        webhook: WebhookRef,
        *,
        status: Optional[str] = None,
        offset: Optional[int] = None,
        limit: Optional[int] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> WebhookDeliveryPage:
        """By event, newest first; `limit` is 100 at most, by default 50."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        query = {
            "status": status,
            "offset": None if offset is None else str(offset),
            "limit": None if limit is None else str(limit),
        }
        return self._http.call(routes.LIST_WEBHOOK_DELIVERIES, id_of(webhook), query=query, options=options)

    def delivery(
        self,
        webhook: WebhookRef,
        delivery_id: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> WebhookDelivery:
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.GET_WEBHOOK_DELIVERY, id_of(webhook), delivery_id, options=options)

    def replay_delivery(
        self,
        webhook: WebhookRef,
        delivery_id: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> WebhookDelivery:
        """Sends one event again, under the same ids."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.REPLAY_WEBHOOK_DELIVERY, id_of(webhook), delivery_id, options=options)
