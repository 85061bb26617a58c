"""Warm pools, as the API answers them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Dict, List, Optional

from .._model import MOMENT, Many, Model, Ref, Shape


@dataclass(eq=False, repr=False)
class WarmPoolCounts(Model):
    #: How many are to be ready.
    target: int
    #: Of the present build, to be had now.
    ready: int
    warming: int
    #: That became somebody's, ever.
    claimed: int
    draining: int
    failed: int
    expired: int
    unavailable: int


@dataclass(eq=False, repr=False)
class WarmPoolCondition(Model):
    """What keeps a pool from being full."""

    code: str
    message: Optional[str] = None


@dataclass(eq=False, repr=False)
class WarmPoolInfo(Model):
    #: `twp_…`.
    id: str
    name: str
    template_ref: str
    resolved_template: str
    resources: Dict[str, int]
    min_ready: int
    max_ready: int
    #: `prefer`, `require` or `bypass`.
    checkout_policy: str
    #: `pinned_build` or `track_tag`.
    version_policy: str
    labels: Dict[str, str]
    metadata: Dict[str, str]
    #: `enabled`, `disabled` or `draining`.
    state: str
    #: One more with each build that is followed.
    rollout_generation: int
    counts: WarmPoolCounts
    conditions: List[WarmPoolCondition]
    created_at: datetime
    updated_at: datetime
    resolved_template_build_id: Optional[str] = None
    previous_resolved_template_build_id: Optional[str] = None
    stale_after_seconds: Optional[int] = None
    enabled_at: Optional[datetime] = None
    disabled_at: Optional[datetime] = None
    drain_requested_at: Optional[datetime] = None
    last_reconciled_at: Optional[datetime] = None

    _shapes: ClassVar[Dict[str, Shape]] = {
        "counts": Ref("WarmPoolCounts"),
        "conditions": Many(Ref("WarmPoolCondition")),
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "enabled_at": MOMENT,
        "disabled_at": MOMENT,
        "drain_requested_at": MOMENT,
        "last_reconciled_at": MOMENT,
    }
