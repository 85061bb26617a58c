from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from fastvm import FirewallPolicy, FirewallRule, types
from fastvm._generated import routes
from fastvm._model import parse_moment, to_wire

from .samples import VM


def test_attributes_have_the_documented_names() -> None:
    vm = types.VM.from_dict(VM)
    assert (vm.memory_mi_b, vm.disk_gi_b, vm.machine_name, vm.org_id) == (2048, 10, "c1m2", VM["orgId"])
    assert vm.env_vars == {"STAGE": "test"}
    assert vm.metadata == {"teamName": "search"}


def test_moments_know_their_zone() -> None:
    vm = types.VM.from_dict(VM)
    assert vm.created_at == datetime(2026, 1, 2, 3, 14, 5, 678901, tzinfo=timezone.utc)
    assert vm.created_at < datetime.now(timezone.utc) + timedelta(days=36500)


@pytest.mark.parametrize(
    ("text", "microseconds"), [("2026-01-02T03:14:05Z", 0), ("2026-01-02T03:14:05.5+02:00", 500000), ("2026-01-02T03:14:05.123456789Z", 123456)]
)
def test_moments_are_read_with_any_number_of_digits(text: str, microseconds: int) -> None:
    moment = parse_moment(text)
    assert moment.tzinfo is not None
    assert moment.microsecond == microseconds


def test_what_is_no_moment_stays_what_it_is() -> None:
    assert parse_moment("soon") == "soon"


def test_what_the_class_does_not_know_is_kept() -> None:
    vm = types.VM.from_dict({**VM, "coolingPlan": {"fanSpeed": 3}})
    assert vm.model_extra == {"coolingPlan": {"fanSpeed": 3}}
    assert getattr(vm, "coolingPlan") == getattr(vm, "cooling_plan") == {"fanSpeed": 3}
    assert vm.to_dict()["coolingPlan"] == {"fanSpeed": 3}
    with pytest.raises(AttributeError, match="VM has no 'heating_plan'"):
        getattr(vm, "heating_plan")


def test_what_is_missing_is_none_and_no_error() -> None:
    vm = types.VM.from_dict({"id": "x"})
    assert vm.status is None
    assert vm.public_ipv6 is None


def test_a_model_goes_back_as_it_came() -> None:
    back = types.VM.from_dict(VM).to_dict()
    assert back.pop("createdAt") == "2026-01-02T03:14:05.678901+00:00"
    assert back == {key: value for key, value in VM.items() if key != "createdAt"}


def test_a_firewall_is_read_in_the_dialect_it_has() -> None:
    vm = types.VM.from_dict(VM)
    assert isinstance(vm.firewall, types.FirewallPolicy)
    assert vm.firewall.dns is not None and vm.firewall.dns.block_bypass is True
    assert isinstance(vm.effective_firewall, types.LegacyFirewallPolicy)
    assert vm.effective_firewall.ingress is not None and vm.effective_firewall.ingress[0].port_start == 22


def test_equal_content_is_equal() -> None:
    assert types.VM.from_dict(VM) == types.VM.from_dict(VM)
    assert types.VM.from_dict(VM) != types.VM.from_dict({**VM, "name": "other"})
    assert types.VM.from_dict(VM) != VM


BODY = routes.SET_VM_FIREWALL.body
NEW = {"ingress": {"default": "deny"}, "egress": {"default": "allow", "rateLimit": {"kbitPerSec": 8}}, "dns": {"blockBypass": True}}


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (NEW, NEW),
        ({"egress": {"default": "allow", "rate_limit": {"kbit_per_sec": 8}}}, {"egress": {"default": "allow", "rateLimit": {"kbitPerSec": 8}}}),
        ({"egress": {"mode": "custom", "rate_limit": {"kbit_per_sec": 8}}}, {"egress": {"mode": "custom", "rate_limit": {"kbit_per_sec": 8}}}),
        ({"mode": "open", "ingress": [{"port_start": 1, "source_cidrs": []}]}, {"mode": "open", "ingress": [{"portStart": 1, "sourceCidrs": []}]}),
        (FirewallPolicy("open", [FirewallRule("tcp", 22)]), {"mode": "open", "ingress": [{"protocol": "tcp", "portStart": 22}]}),
        (types.FirewallPolicy(dns=types.DNSPolicy(block_bypass=True)), {"dns": {"blockBypass": True}}),
        ({"dns": types.DNSPolicy(block_bypass=True)}, {"dns": {"blockBypass": True}}),
        ({"ofALaterTime": {"some_key": 1}}, {"ofALaterTime": {"some_key": 1}}),
    ],
)
def test_policies_are_taken_in_any_form(written: object, sent: object) -> None:
    assert to_wire(BODY, written) == sent


def test_names_that_are_the_users_own_are_left_alone() -> None:
    body = {"metadata": {"disk_gi_b": "x"}, "env_vars": {"machine_type": "y"}, "disk_gi_b": 20}
    assert to_wire(routes.LAUNCH_VM.body, body) == {
        "metadata": {"disk_gi_b": "x"},
        "envVars": {"machine_type": "y"},
        "diskGiB": 20,
    }
