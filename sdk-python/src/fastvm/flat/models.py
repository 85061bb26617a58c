"""
VMs, snapshots and quotas as the flat client shows them: moments as text, units written `mib` and `gib`, the older
firewall.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional


@dataclass
class FirewallRule:
    #: `tcp` or `udp`.
    protocol: str
    port_start: int
    #: None: a single port.
    port_end: Optional[int] = None
    #: Empty: any.
    source_cidrs: List[str] = field(default_factory=list)
    description: str = ""

    def to_dict(self) -> Dict[str, Any]:
        wire: Dict[str, Any] = {"protocol": self.protocol, "portStart": self.port_start}
        if self.port_end is not None:
            wire["portEnd"] = self.port_end
        if self.source_cidrs:
            wire["sourceCidrs"] = list(self.source_cidrs)
        if self.description:
            wire["description"] = self.description
        return wire

    @classmethod
    def from_dict(cls, wire: Mapping[str, Any]) -> "FirewallRule":
        return cls(
            protocol=wire["protocol"],
            port_start=wire["portStart"],
            port_end=wire.get("portEnd"),
            source_cidrs=list(wire.get("sourceCidrs") or []),
            description=wire.get("description") or "",
        )


@dataclass
class FirewallPolicy:
    """For the VM's public IPv6 address."""

    #: `open`: all may come in. `restricted`: only what `ingress` lists.
    mode: str = "restricted"
    ingress: List[FirewallRule] = field(default_factory=list)

    def to_dict(self) -> Dict[str, Any]:
        return {"mode": self.mode, "ingress": [rule.to_dict() for rule in self.ingress]}


@dataclass
class PatchFirewallPolicy:
    """What is None stays as it is."""

    mode: Optional[str] = None
    ingress: Optional[List[FirewallRule]] = None

    def to_dict(self) -> Dict[str, Any]:
        wire: Dict[str, Any] = {}
        if self.mode is not None:
            wire["mode"] = self.mode
        if self.ingress is not None:
            wire["ingress"] = [rule.to_dict() for rule in self.ingress]
        return wire


@dataclass
class VM:
    id: str
    name: str
    org_id: str
    machine_name: str
    cpu: int
    memory_mib: int
    disk_gib: int
    status: str
    #: RFC 3339, with its zone.
    created_at: str
    #: Of the snapshot or VM it was made from; empty for none.
    source_name: str = ""
    public_ipv6: Optional[str] = None
    #: None for a policy that the older dialect has no words for.
    firewall: Optional[FirewallPolicy] = None
    deleted_at: Optional[str] = None

    @classmethod
    def from_dict(cls, wire: Mapping[str, Any]) -> "VM":
        return cls(
            id=wire["id"],
            name=wire.get("name") or "",
            org_id=wire.get("orgId") or "",
            machine_name=wire.get("machineName") or "",
            cpu=wire.get("cpu") or 0,
            memory_mib=wire.get("memoryMiB") or 0,
            disk_gib=wire.get("diskGiB") or 0,
            status=wire.get("status") or "",
            created_at=wire.get("createdAt") or "",
            source_name=wire.get("sourceName") or "",
            public_ipv6=wire.get("publicIpv6") or None,
            firewall=flat_firewall(wire.get("firewall")),
            deleted_at=wire.get("deletedAt") or None,
        )


@dataclass
class Snapshot:
    id: str
    name: str
    org_id: str
    vm_id: str
    #: `creating`, `ready`, `error`.
    status: str
    created_at: str
    firewall: Optional[FirewallPolicy] = None

    @classmethod
    def from_dict(cls, wire: Mapping[str, Any]) -> "Snapshot":
        return cls(
            id=wire["id"],
            name=wire.get("name") or "",
            org_id=wire.get("orgId") or "",
            vm_id=wire.get("vmId") or "",
            status=wire.get("status") or "",
            created_at=wire.get("createdAt") or "",
            firewall=flat_firewall(wire.get("firewall")),
        )


@dataclass
class CommandResult:
    #: 128 + n when signal n ended it, 124 when its time ran out, 126 or 127 when it could not start.
    exit_code: int
    stdout: str
    stderr: str
    timed_out: bool
    stdout_truncated: bool
    stderr_truncated: bool
    duration_ms: int


@dataclass
class OrgQuotaValues:
    vcpu: int
    memory_mib: int
    disk_gib: int
    snapshot_count: int

    @classmethod
    def from_dict(cls, wire: Mapping[str, Any]) -> "OrgQuotaValues":
        return cls(wire["vcpu"], wire["memoryMiB"], wire["diskGiB"], wire["snapshotCount"])


@dataclass
class OrgQuotaUsage:
    org_id: str
    limits: OrgQuotaValues
    usage: OrgQuotaValues

    @classmethod
    def from_dict(cls, wire: Mapping[str, Any]) -> "OrgQuotaUsage":
        return cls(wire["orgId"], OrgQuotaValues.from_dict(wire["limits"]), OrgQuotaValues.from_dict(wire["usage"]))


def flat_firewall(wire: Any) -> Optional[FirewallPolicy]:
    if not isinstance(wire, Mapping) or "mode" not in wire:
        return None
    return FirewallPolicy(wire["mode"], [FirewallRule.from_dict(rule) for rule in wire.get("ingress") or []])
