"""What a server answers."""

from __future__ import annotations

from typing import Any, Dict

VM: Dict[str, Any] = {
    "id": "0198c7a2-5d0e-7f3b-9a41-2c6e8f10b7d4",
    "name": "dev",
    "orgId": "0198c7a1-0b5c-7e21-8f0d-5a9b3c7d1e2f",
    "machineName": "c1m2",
    "cpu": 1,
    "memoryMiB": 2048,
    "diskGiB": 10,
    "status": "running",
    "createdAt": "2026-01-02T03:14:05.678901234Z",
    "metadata": {"teamName": "search"},
    "envVars": {"STAGE": "test"},
    "firewall": {"ingress": {"default": "deny", "rules": []}, "dns": {"mode": "deny", "blockBypass": True}},
    "effectiveFirewall": {"mode": "restricted", "ingress": [{"protocol": "tcp", "portStart": 22}]},
    "autoResume": False,
    "pausedAt": None,
}
SNAPSHOT: Dict[str, Any] = {
    "id": "0198c7a3-1f60-7c52-b3de-91f0a4d2c6e8",
    "name": "ready",
    "orgId": VM["orgId"],
    "vmId": VM["id"],
    "status": "ready",
    "createdAt": "2026-01-02T03:14:05Z",
}
RESULT: Dict[str, Any] = {
    "exitCode": 0,
    "stdout": "hello\n",
    "stderr": "",
    "timedOut": False,
    "stdoutTruncated": False,
    "stderrTruncated": False,
    "durationMs": 12,
}
