"""Webhooks of lifecycle events and their deliveries, as the API answers them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Dict, List, Optional

from .._model import MOMENT, Many, Model, Ref, Shape
from .models import LifecycleEvent


@dataclass(eq=False, repr=False)
class LifecycleWebhook(Model):
    #: `wh_…`.
    id: str
    url: str
    #: What is told; empty: all.
    operations: List[str]
    enabled: bool
    created_at: datetime
    updated_at: datetime

    _shapes: ClassVar[Dict[str, Shape]] = {"created_at": MOMENT, "updated_at": MOMENT}


@dataclass(eq=False, repr=False)
class LifecycleAttempt(Model):
    attempted_at: datetime
    duration_ms: int
    #: None: no answer came.
    response_status: Optional[int] = None
    #: None: it was taken.
    error: Optional[str] = None

    _shapes: ClassVar[Dict[str, Shape]] = {"attempted_at": MOMENT}


@dataclass(eq=False, repr=False)
class LifecycleDelivery(Model):
    #: `del_…`, the same in each attempt.
    id: str
    webhook_id: str
    event_id: str
    operation: str
    #: `queued`, `in_progress`, `succeeded` or `dead_letter`.
    status: str
    #: The latest, oldest first.
    attempts: List[LifecycleAttempt]
    created_at: datetime
    event: LifecycleEvent
    next_attempt_at: Optional[datetime] = None
    finished_at: Optional[datetime] = None

    _shapes: ClassVar[Dict[str, Shape]] = {
        "attempts": Many(Ref("LifecycleAttempt")),
        "event": Ref("LifecycleEvent"),
        "created_at": MOMENT,
        "next_attempt_at": MOMENT,
        "finished_at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class LifecycleDeliveryList(Model):
    deliveries: List[LifecycleDelivery]
    offset: int
    limit: int
    has_more: bool

    _shapes: ClassVar[Dict[str, Shape]] = {"deliveries": Many(Ref("LifecycleDelivery"))}
