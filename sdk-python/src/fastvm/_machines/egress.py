"""What a machine may send to: the whole policy, as it is given at create and while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Sequence, Union

from .._options import present


@dataclass(frozen=True)
class EgressRateLimit:
    """One of `kbit_per_sec` and `pps`. Best effort: traffic is shaped, and nothing is counted against a quota."""

    kbit_per_sec: Optional[int] = None
    pps: Optional[int] = None
    burst: Optional[int] = None

    def to_dict(self) -> Dict[str, Any]:
        return present(kbit_per_sec=self.kbit_per_sec, pps=self.pps, burst=self.burst)


@dataclass(frozen=True)
class NetworkEgressPolicy:
    """Made by `allow_all`, `deny_all` or `custom`. IPv4 networks alone, no names."""

    mode: str
    allow_cidrs: Sequence[str] = field(default_factory=tuple)
    deny_cidrs: Sequence[str] = field(default_factory=tuple)
    rate_limit: Optional[EgressRateLimit] = None

    @classmethod
    def allow_all(cls) -> "NetworkEgressPolicy":
        return cls("allow_all")

    @classmethod
    def deny_all(cls) -> "NetworkEgressPolicy":
        return cls("deny_all")

    @classmethod
    def custom(
        cls,
        *,
        allow_cidrs: Sequence[str] = (),
        deny_cidrs: Sequence[str] = (),
        rate_limit: Optional[EgressRateLimit] = None,
    ) -> "NetworkEgressPolicy":
        return cls("custom", tuple(allow_cidrs), tuple(deny_cidrs), rate_limit)

    def to_dict(self) -> Dict[str, Any]:
        return present(
            mode=self.mode,
            allow_cidrs=list(self.allow_cidrs) or None,
            deny_cidrs=list(self.deny_cidrs) or None,
            rate_limit=None if self.rate_limit is None else self.rate_limit.to_dict(),
        )


EgressInput = Union[NetworkEgressPolicy, Mapping[str, Any]]


def egress_body(policy: EgressInput) -> Dict[str, Any]:
    return policy.to_dict() if isinstance(policy, NetworkEgressPolicy) else dict(policy)


def network_body(network: Optional[Mapping[str, Any]]) -> Optional[Dict[str, Any]]:
    """As it is given, with a policy in it as a plain object."""
    if network is None:
        return None
    return {name: egress_body(value) if isinstance(value, NetworkEgressPolicy) else value for name, value in network.items()}
