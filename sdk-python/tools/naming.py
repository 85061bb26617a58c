"""The names that users know the server's objects by."""

import re

# Schemas whose published name is another one.
CLASS_NAMES = {
    "Vm": "VM",
    "Deletion": "DeleteResponse",
    "ExecResult": "ExecVMResponse",
    "FilePresign": "FilePresignResponse",
    "ConsoleToken": "ConsoleTokenResponse",
    "Health": "HealthResponse",
    "Quotas": "OrgQuotaUsage",
    "ResourceAmounts": "OrgQuotaValues",
    "Firewall": "FirewallPolicy",
    "FirewallDirection": "IngressPolicy",
    "FirewallEgress": "EgressPolicy",
    "FirewallDns": "DNSPolicy",
    "FirewallRule": "NetworkRule",
    "FirewallRuleHits": "NetworkRuleHits",
    "LegacyFirewall": "LegacyFirewallPolicy",
    "SshKeyList": "SshKeyListResponse",
    "Service": "SnapshotService",
    "ReachableService": "Service",
    "Error": "ErrorBody",
    "VmStats": "VMStats",
    "VmMetrics": "VMMetrics",
    "VmSample": "VMSample",
    "VmLogs": "VMLogs",
    "UpdateVmBody": "UpdateVMBody",
}

# Objects that the description has no name for, by their path or the last part of it.
INLINE_NAMES = {
    "ttl": "TTL",
    "maxLife": "MaxLife",
    "idle": "IdlePolicy",
    "pty": "TerminalSize",
    "tmpfs": "TmpfsMount",
    "host": "HostMount",
    "image": "ImageMount",
    "tls": "TlsInput",
    "EgressMode.rate_limit": "EgressModeRateLimit",
}

# What is documented and other servers send; ours, whose deleted VMs are gone, does not.
DOCUMENTED_FIELDS = {
    "Vm": {"deletedAt": {"type": ["string", "null"], "format": "date-time"}},
}


def snake_case(name: str) -> str:
    """`memoryMiB` is `memory_mi_b`, as the published models have it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
