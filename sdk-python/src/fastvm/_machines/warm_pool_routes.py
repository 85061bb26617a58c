"""Operations on warm pools: how each is called, and what is read from its answer."""

from __future__ import annotations

from typing import Any

from .._model import Many, Ref
from .._route import Route
from .warm_pool_models import WarmPoolInfo

POOLS = "/v1/template-warm-pools"
POOL = f"{POOLS}/{{poolId}}"

CREATE: Route[WarmPoolInfo] = Route("POST", POOLS, answer=Ref("WarmPoolInfo"))
LIST: Route[Any] = Route("GET", POOLS)
WARM_POOLS = Many(Ref("WarmPoolInfo"))
GET: Route[WarmPoolInfo] = Route("GET", POOL, answer=Ref("WarmPoolInfo"))
UPDATE: Route[WarmPoolInfo] = Route("PATCH", POOL, answer=Ref("WarmPoolInfo"))
DELETE: Route[Any] = Route("DELETE", POOL)
ENABLE: Route[WarmPoolInfo] = Route("POST", f"{POOL}/enable", answer=Ref("WarmPoolInfo"))
DISABLE: Route[WarmPoolInfo] = Route("POST", f"{POOL}/disable", answer=Ref("WarmPoolInfo"))
DRAIN: Route[WarmPoolInfo] = Route("POST", f"{POOL}/drain", answer=Ref("WarmPoolInfo"))
RECONCILE: Route[WarmPoolInfo] = Route("POST", f"{POOL}/reconcile", answer=Ref("WarmPoolInfo"))
