"""Made by tools/generate.py from packages/contract/src/api/fastvm/openapi.json; not to be edited."""

from __future__ import annotations

from typing import Dict, List, Optional, TypedDict, Union


class BucketCredentialsParam(TypedDict):
    type: str
    value: Dict[str, str]


class DNSPolicyParam(TypedDict, total=False):
    mode: str
    domains: List[str]
    block_bypass: bool


class _EgressModeRequired(TypedDict):
    mode: str


class EgressModeParam(_EgressModeRequired, total=False):
    allow_cidrs: Optional[List[str]]
    deny_cidrs: Optional[List[str]]
    rate_limit: Optional[EgressModeRateLimitParam]


class _EgressModeFirewallRequired(TypedDict):
    egress: EgressModeParam


class EgressModeFirewallParam(_EgressModeFirewallRequired, total=False):
    ingress: IngressPolicyParam
    dns: DNSPolicyParam


class EgressModeRateLimitParam(TypedDict, total=False):
    kbit_per_sec: Optional[int]
    pps: Optional[int]
    burst: Optional[int]


class _EgressPolicyRequired(TypedDict):
    default: str


class EgressPolicyParam(_EgressPolicyRequired, total=False):
    rules: List[NetworkRuleParam]
    rate_limit: RateLimitParam


class FirewallPolicyParam(TypedDict, total=False):
    ingress: IngressPolicyParam
    egress: EgressPolicyParam
    dns: DNSPolicyParam


class _HostMountRequired(TypedDict):
    path: str


class HostMountParam(_HostMountRequired, total=False):
    stat_virtualization: Optional[str]
    host_permissions: Optional[str]
    quota_mi_b: Optional[int]


class _IdlePolicyRequired(TypedDict):
    action: str
    seconds: int


class IdlePolicyParam(_IdlePolicyRequired, total=False):
    guest_work: bool


class _ImageMountRequired(TypedDict):
    path: str


class ImageMountParam(_ImageMountRequired, total=False):
    format: Optional[str]
    fstype: Optional[str]


class _IngressPolicyRequired(TypedDict):
    default: str


class IngressPolicyParam(_IngressPolicyRequired, total=False):
    rules: List[NetworkRuleParam]


class LegacyFirewallPatchParam(TypedDict, total=False):
    mode: str
    ingress: List[LegacyFirewallRuleParam]


class _LegacyFirewallPolicyRequired(TypedDict):
    mode: str


class LegacyFirewallPolicyParam(_LegacyFirewallPolicyRequired, total=False):
    ingress: List[LegacyFirewallRuleParam]


class _LegacyFirewallRuleRequired(TypedDict):
    protocol: str
    port_start: int


class LegacyFirewallRuleParam(_LegacyFirewallRuleRequired, total=False):
    port_end: int
    source_cidrs: List[str]
    description: str


class MaxLifeParam(TypedDict):
    action: str
    seconds: int


class _NetworkRuleRequired(TypedDict):
    action: str
    kind: str
    value: str
    protocol: str
    ports: str


class NetworkRuleParam(_NetworkRuleRequired, total=False):
    description: str


class RateLimitParam(TypedDict, total=False):
    kbit_per_sec: int
    packets_per_sec: int
    burst: int


class ScopedUpstreamCaParam(TypedDict):
    host: str
    certificates: str


class ScopedVerifyUpstreamParam(TypedDict):
    host: str
    verify: bool


class _SecretInputRequired(TypedDict):
    name: str
    hosts: List[str]


class SecretInputParam(_SecretInputRequired, total=False):
    value: Optional[str]
    placeholder: Optional[str]
    injection: Optional[SecretInputInjectionParam]
    on_violation: Optional[str]
    passthrough_hosts: Optional[List[str]]
    require_tls: Optional[bool]


class SecretInputInjectionParam(TypedDict, total=False):
    headers: bool
    basic_auth: bool
    query: bool
    body: bool


class _SnapshotImportSourceRequired(TypedDict):
    type: str


class SnapshotImportSourceParam(_SnapshotImportSourceRequired, total=False):
    image: Optional[str]
    platform: Optional[str]
    context_ref: Optional[str]
    dockerfile_path: Optional[str]
    target: Optional[str]
    build_args: Optional[Dict[str, str]]
    registry_username: Optional[str]
    registry_password: Optional[str]
    registry_host: Optional[str]


class TTLParam(TypedDict):
    action: str
    seconds: int


class TerminalSizeParam(TypedDict):
    cols: int
    rows: int


class TlsCacheParam(TypedDict):
    capacity: int
    validity_hours: int


class TlsInputParam(TypedDict, total=False):
    enabled: bool
    ports: List[int]
    bypass: List[str]
    verify_upstream: bool
    block_quic: bool
    upstream_ca: List[str]
    scoped_upstream_ca: List[ScopedUpstreamCaParam]
    scoped_verify_upstream: List[ScopedVerifyUpstreamParam]
    cache: TlsCacheParam


class TmpfsMountParam(TypedDict, total=False):
    size_mi_b: Optional[int]
