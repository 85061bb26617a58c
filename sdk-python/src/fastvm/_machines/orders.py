"""Bodies that make machines and run commands, from what callers say."""

from __future__ import annotations

import math
from typing import Any, Dict, Mapping, Optional, Sequence

from .._options import present
from .egress import network_body
from .errors import InvalidRequestError

# How the two words of `on_timeout` are said to the API.
ON_TIMEOUT = {"destroy": "destroy", "pause": "hibernate", "hibernate": "hibernate"}
# As long as a host that is full may take to find room.
DEFAULT_WAIT_SECONDS = 300.0
POLL_SECONDS = 0.5


def milliseconds(seconds: Optional[float]) -> Optional[int]:
    """Rounded up, so that nothing ends too early."""
    return None if seconds is None else math.ceil(seconds * 1000)


def timeout_action_of(on_timeout: Optional[str], timeout_action: Optional[str]) -> Optional[str]:
    if on_timeout is None:
        return timeout_action
    said = ON_TIMEOUT.get(on_timeout)
    if said is None:
        raise InvalidRequestError(f"on_timeout is {on_timeout!r}: say 'destroy' or 'pause'", code="invalid_request", field="on_timeout")
    if timeout_action not in (None, said):
        raise InvalidRequestError(
            f"on_timeout={on_timeout!r} and timeout_action={timeout_action!r} say different things",
            code="invalid_request",
            field="on_timeout",
        )
    return said


def warm_pool_body(pool: Optional[str], mode: Optional[str], wait_ms: Optional[int]) -> Optional[Dict[str, Any]]:
    return present(id=pool, mode=mode, wait=wait_ms) or None


def create_body(
    *,
    template: Optional[str] = None,
    snapshot_id: Optional[str] = None,
    vcpus: Optional[int] = None,
    memory_mb: Optional[int] = None,
    disk_mb: Optional[int] = None,
    timeout: Optional[float] = None,
    on_timeout: Optional[str] = None,
    timeout_action: Optional[str] = None,
    inactivity_timeout_ms: Optional[int] = None,
    auto_delete_after_ms: Optional[int] = None,
    ephemeral: Optional[bool] = None,
    auto_resume: Optional[bool] = None,
    envs: Optional[Mapping[str, str]] = None,
    metadata: Optional[Mapping[str, str]] = None,
    cwd: Optional[str] = None,
    internet_access: Optional[bool] = None,
    network: Optional[Mapping[str, Any]] = None,
    volumes: Optional[Sequence[Mapping[str, Any]]] = None,
    warm_pool: Optional[str] = None,
    warm_pool_mode: Optional[str] = None,
    warm_pool_wait_ms: Optional[int] = None,
) -> Dict[str, Any]:
    return present(
        template=template,
        snapshot_id=snapshot_id,
        vcpus=vcpus,
        memory_mb=memory_mb,
        disk_mb=disk_mb,
        timeout_ms=milliseconds(timeout),
        timeout_action=timeout_action_of(on_timeout, timeout_action),
        inactivity_timeout_ms=inactivity_timeout_ms,
        auto_delete_after_ms=auto_delete_after_ms,
        ephemeral=ephemeral,
        auto_resume=auto_resume,
        envs=None if envs is None else dict(envs),
        metadata=None if metadata is None else dict(metadata),
        cwd=cwd,
        internet_access=internet_access,
        network=network_body(network),
        volumes=None if volumes is None else [dict(volume) for volume in volumes],
        warm_pool=warm_pool_body(warm_pool, warm_pool_mode, warm_pool_wait_ms),
    )


def exec_body(
    command: str,
    args: Optional[Sequence[str]],
    *,
    shell: bool,
    cwd: Optional[str],
    envs: Optional[Mapping[str, str]],
    timeout: Optional[float],
) -> Dict[str, Any]:
    """Raises for arguments beside a line for the shell: they would be lost."""
    if shell and args:
        raise InvalidRequestError("args go with a program, not with shell=True", code="invalid_request", field="args")
    return present(
        command=command,
        args=None if args is None else list(args),
        shell=shell or None,
        cwd=cwd,
        envs=None if envs is None else dict(envs),
        timeout_secs=None if timeout is None else math.ceil(timeout),
    )
