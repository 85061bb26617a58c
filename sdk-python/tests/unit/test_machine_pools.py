"""What the client asks of warm pools and webhooks, and what it makes of answers."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from both import KINDS, Blocking, Loop
from wire import WireServer, json_answer

import nullspace

KEY = "ns_live_key"
SECRET = "a secret of some length"
WEBHOOK: Dict[str, Any] = {"id": "wh_1", "url": "https://a.example/", "operations": ["create"], "enabled": True}
DELIVERY: Dict[str, Any] = {"id": "del_1", "webhook_id": "wh_1", "status": "queued", "event": {"machine_id": "mch_1"}}


def pool(ready: int, **more: Any) -> Any:
    counts = {"ready": ready, "claimed": 4}
    return json_answer(200, {"id": "twp_1", "min_ready": 2, "counts": counts, "conditions": [], **more})


@pytest.fixture(params=KINDS)
def pools(request: Any, loop: Loop) -> Any:
    return nullspace.WarmPool if request.param == "threads" else Blocking(nullspace.AsyncWarmPool, loop)


@pytest.fixture(params=KINDS)
def lifecycles(request: Any, loop: Loop) -> Any:
    if request.param == "threads":
        return nullspace.Lifecycle
    return lambda **options: Blocking(loop.call(nullspace.AsyncLifecycle, **options), loop)


def test_a_pool_is_made_found_changed_ordered_about_and_deleted(pools: Any) -> None:
    listed = json_answer(200, {"warm_pools": [{"id": "twp_1", "counts": {"ready": 1}}]})
    with WireServer(pool(0), listed, *[pool(0) for _ in range(6)], json_answer(200, {"id": "twp_1", "deleted": True})) as server:
        options = {"api_key": KEY, "base_url": server.url}
        made = pools.create("web", "app:v1", min_ready=2, memory_mb=512, labels={"team_name": "t"}, **options)
        assert (made.info.counts.claimed, made.id) == (4, "twp_1")
        made.close()
        assert [each.counts.ready for each in pools.list(**options)] == [1]
        found = pools.get("twp_1", **options)
        found.update(min_ready=3, stale_after_seconds=60)
        for verb in (found.disable, found.enable, found.drain, found.reconcile, found.delete):
            verb()
        found.close()
    root = "/v1/template-warm-pools"
    assert [f"{request.method} {request.path}" for request in server.requests] == [
        f"POST {root}",
        f"GET {root}",
        f"GET {root}/twp_1",
        f"PATCH {root}/twp_1",
        f"POST {root}/twp_1/disable",
        f"POST {root}/twp_1/enable",
        f"POST {root}/twp_1/drain",
        f"POST {root}/twp_1/reconcile",
        f"DELETE {root}/twp_1",
    ]
    order: Dict[str, Any] = {"name": "web", "template_ref": "app:v1", "min_ready": 2, "labels": {"team_name": "t"}}
    assert server.requests[0].json == {**order, "resources": {"memory_mb": 512}}
    assert server.requests[3].json == {"min_ready": 3, "stale_after_seconds": 60}


def test_readiness_is_waited_for_of_all_or_of_some_and_no_longer_than_is_said(pools: Any) -> None:
    full = [{"code": "no_eligible_hosts", "message": "the host is full"}]
    with WireServer(pool(0), pool(1), pool(2), pool(1), pool(1, conditions=full)) as server:
        waiting = pools.get("twp_1", api_key=KEY, base_url=server.url)
        assert waiting.wait_until_ready().counts.ready == 2
        assert waiting.wait_until_ready(1).counts.ready == 1
        with pytest.raises(nullspace.TimeoutError) as caught:
            waiting.wait_until_ready(3, timeout=0)
        waiting.close()
    assert (caught.value.code, caught.value.retryable) == ("timeout", True)
    assert str(caught.value).endswith("1 of 3 are ready after 0 s; no_eligible_hosts: the host is full")


def test_a_webhook_is_made_found_changed_and_deleted_and_its_deliveries_are_sent_again(lifecycles: Any) -> None:
    deliveries = {"deliveries": [DELIVERY], "offset": 1, "limit": 5, "has_more": True}
    answers = [{"webhooks": [WEBHOOK]}, WEBHOOK, {**WEBHOOK, "enabled": False}, deliveries, DELIVERY, DELIVERY, {"replayed": 3}, {}]
    with WireServer(json_answer(201, WEBHOOK), *[json_answer(200, each) for each in answers]) as server:
        lifecycle = lifecycles(api_key=KEY, base_url=server.url)
        webhooks = lifecycle.webhooks
        webhooks.create(WEBHOOK["url"], operations=["create"], signing_secret=SECRET)
        assert [each.id for each in webhooks.list()] == ["wh_1"]
        assert webhooks.get("wh_1").enabled is True
        assert webhooks.update("wh_1", enabled=False).enabled is False
        page = webhooks.list_deliveries("wh_1", status="queued", offset=1, limit=5)
        assert (page.has_more, page.deliveries[0].event.machine_id) == (True, "mch_1")
        assert webhooks.get_delivery("wh_1", "del_1").webhook_id == "wh_1"
        assert webhooks.replay_delivery("wh_1", "del_1").status == "queued"
        assert webhooks.replay("wh_1") == 3
        webhooks.delete("wh_1")
        lifecycle.close()
    root = "/v1/lifecycle/webhooks"
    assert [f"{request.method} {request.path}" for request in server.requests] == [
        f"POST {root}",
        f"GET {root}",
        f"GET {root}/wh_1",
        f"PATCH {root}/wh_1",
        f"GET {root}/wh_1/deliveries?status=queued&offset=1&limit=5",
        f"GET {root}/wh_1/deliveries/del_1",
        f"POST {root}/wh_1/deliveries/del_1/replay",
        f"POST {root}/wh_1/replay",
        f"DELETE {root}/wh_1",
    ]
    assert server.requests[0].json == {"url": WEBHOOK["url"], "operations": ["create"], "signing_secret": SECRET}
    assert server.requests[3].json == {"enabled": False}
