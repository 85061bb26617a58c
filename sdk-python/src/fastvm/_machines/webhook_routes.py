"""Operations on webhooks of lifecycle events: how each is called, and what is read from its answer."""

from __future__ import annotations

from typing import Any

from .._model import Many, Ref
from .._route import Route
from .webhook_models import LifecycleDelivery, LifecycleDeliveryList, LifecycleWebhook

WEBHOOKS_PATH = "/v1/lifecycle/webhooks"
WEBHOOK = f"{WEBHOOKS_PATH}/{{webhookId}}"
DELIVERY = f"{WEBHOOK}/deliveries/{{deliveryId}}"

CREATE: Route[LifecycleWebhook] = Route("POST", WEBHOOKS_PATH, answer=Ref("LifecycleWebhook"))
LIST: Route[Any] = Route("GET", WEBHOOKS_PATH)
WEBHOOKS = Many(Ref("LifecycleWebhook"))
GET: Route[LifecycleWebhook] = Route("GET", WEBHOOK, answer=Ref("LifecycleWebhook"))
UPDATE: Route[LifecycleWebhook] = Route("PATCH", WEBHOOK, answer=Ref("LifecycleWebhook"))
DELETE: Route[Any] = Route("DELETE", WEBHOOK)
REPLAY: Route[Any] = Route("POST", f"{WEBHOOK}/replay")
LIST_DELIVERIES: Route[LifecycleDeliveryList] = Route("GET", f"{WEBHOOK}/deliveries", answer=Ref("LifecycleDeliveryList"))
GET_DELIVERY: Route[LifecycleDelivery] = Route("GET", DELIVERY, answer=Ref("LifecycleDelivery"))
REPLAY_DELIVERY: Route[LifecycleDelivery] = Route("POST", f"{DELIVERY}/replay", answer=Ref("LifecycleDelivery"))
