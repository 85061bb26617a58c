"""
What the API of machines answers. A field that a later server adds is reached by its name too; what is missing is None.
`tests/unit/test_machine_models.py` compares them with the server's description.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Dict, List, Optional, TypeVar

from .._model import MOMENT, Many, Model, Ref, Shape

T = TypeVar("T")


class Page(List[T]):
    """A list that knows where it goes on: `next_token`, None on the last one."""

    next_token: Optional[str] = None


@dataclass(eq=False, repr=False)
class MachineConfig(Model):
    vcpus: int
    memory_mb: int
    disk_mb: int


@dataclass(eq=False, repr=False)
class MachineInfo(Model):
    #: `mch_…`, of the present execution.
    id: str
    #: `creating`, `running`, `paused`, `destroyed` or `error`.
    status: str
    config: MachineConfig
    template: str
    metadata: Dict[str, str]
    created_at: datetime
    started_at: Optional[datetime] = None
    timeout_ms: Optional[int] = None
    timeout_at: Optional[datetime] = None
    expires_at: Optional[datetime] = None
    #: `destroy` or `hibernate`.
    timeout_action: Optional[str] = None
    cwd: Optional[str] = None
    #: While it is paused: what it is resumed by.
    snapshot_id: Optional[str] = None
    #: Told once, when the machine is created.
    traffic_access_token: Optional[str] = None
    status_reason: Optional[str] = None
    remaining_ms: Optional[int] = None
    last_active_at: Optional[datetime] = None
    inactivity_timeout_ms: Optional[int] = None
    auto_delete_after_ms: Optional[int] = None
    auto_resume: Optional[bool] = None
    ephemeral: Optional[bool] = None

    _shapes: ClassVar[Dict[str, Shape]] = {
        "config": Ref("MachineConfig"),
        "created_at": MOMENT,
        "started_at": MOMENT,
        "timeout_at": MOMENT,
        "expires_at": MOMENT,
        "last_active_at": MOMENT,
    }

    @property
    def warm_pool_checkout(self) -> Optional[Dict[str, Any]]:
        """Where a warm pool was considered: `source`, `hit`, `id` and `mode`."""
        found: Optional[Dict[str, Any]] = self.model_extra.get("warm_pool_checkout")
        return found


@dataclass(eq=False, repr=False)
class MachineLease(Model):
    """What is left of a timeout."""

    timeout_ms: int
    timeout_action: str
    timeout_at: Optional[datetime]
    remaining_ms: int

    _shapes: ClassVar[Dict[str, Shape]] = {"timeout_at": MOMENT}


@dataclass(eq=False, repr=False)
class MachineSnapshot(Model):
    """`kind`: `reusable`, from which machines are created, or `pause`, by which one machine goes on."""

    id: str
    kind: str
    machine_id: str
    status: str
    template: str
    created_at: Optional[datetime] = None

    _shapes: ClassVar[Dict[str, Shape]] = {"created_at": MOMENT}


@dataclass(eq=False, repr=False)
class CommandResult(Model):
    #: Any is a result. None of a command in the background.
    exit_code: Optional[int]
    stdout: str
    stderr: str
    pid: Optional[int] = None
    #: More came than is kept.
    truncated: Optional[bool] = None


@dataclass(eq=False, repr=False)
class ProcessInfo(Model):
    pid: int
    command: str
    running: bool


@dataclass(eq=False, repr=False)
class ProcessLogs(Model):
    stdout: str
    stderr: str
    #: Both, as they came.
    output: str
    #: None while it runs.
    exit_code: Optional[int] = None
    #: Of the beginning, of which only so much is kept.
    lost_bytes: Optional[int] = None


@dataclass(eq=False, repr=False)
class MachineFile(Model):
    name: str
    path: str
    #: `file`, `directory`, `symlink` or `other`.
    type: str
    size: int
    #: Permissions, octal.
    mode: str
    modified_at: datetime
    link_target: Optional[str] = None

    _shapes: ClassVar[Dict[str, Shape]] = {"modified_at": MOMENT}


@dataclass(eq=False, repr=False)
class MachineFileList(Model):
    entries: List[MachineFile]
    has_more: bool

    _shapes: ClassVar[Dict[str, Shape]] = {"entries": Many(Ref("MachineFile"))}


@dataclass(eq=False, repr=False)
class UploadPart(Model):
    number: int
    size: int
    sha256: str


@dataclass(eq=False, repr=False)
class MachineUpload(Model):
    """A file on its way in parts."""

    id: str
    path: str
    #: `open`, `completing` or `completed`.
    status: str
    size: int
    #: Of all parts but the last.
    part_size: int
    part_count: int
    #: Those that came, by number.
    parts: List[UploadPart]
    received_bytes: int
    created_at: datetime
    expires_at: datetime

    _shapes: ClassVar[Dict[str, Shape]] = {"parts": Many(Ref("UploadPart")), "created_at": MOMENT, "expires_at": MOMENT}


@dataclass(eq=False, repr=False)
class MachineUploadList(Model):
    uploads: List[MachineUpload]

    _shapes: ClassVar[Dict[str, Shape]] = {"uploads": Many(Ref("MachineUpload"))}


@dataclass(eq=False, repr=False)
class CompletedUpload(Model):
    id: str
    sha256: str
    file: MachineFile

    _shapes: ClassVar[Dict[str, Shape]] = {"file": Ref("MachineFile")}


@dataclass(eq=False, repr=False)
class TransferUrl(Model):
    """Whoever has its `url` may do this and nothing else."""

    url: str
    #: `PUT` or `GET`.
    method: str
    #: To be sent with it.
    headers: Dict[str, str]
    path: str
    max_bytes: Optional[int]
    expires_at: datetime

    _shapes: ClassVar[Dict[str, Shape]] = {"expires_at": MOMENT}


@dataclass(eq=False, repr=False)
class SshAccess(Model):
    """A public key, signed for logins over SSH."""

    #: One line, for `id_ed25519-cert.pub` beside the private key.
    certificate: str
    #: None where the machine's host has no public addresses.
    host: Optional[str]
    port: int
    user: str
    expires_at: datetime
    access_id: str
    command: Optional[str]
    #: For `known_hosts`.
    host_key: Optional[str]

    _shapes: ClassVar[Dict[str, Shape]] = {"expires_at": MOMENT}


@dataclass(eq=False, repr=False)
class LifecycleEvent(Model):
    id: str
    operation: str
    #: `requested`, `succeeded` or `failed`.
    status: str
    audience: str
    occurred_at: datetime
    machine_id: Optional[str] = None
    snapshot_id: Optional[str] = None
    #: What it was forked, restored or resumed from; the machine that a snapshot is of.
    source_machine_id: Optional[str] = None
    #: What came of it.
    target_machine_id: Optional[str] = None
    #: The key that asked for it; None of what nobody asked for.
    user_id: Optional[str] = None
    reason: Optional[str] = None
    error_code: Optional[str] = None
    error_message: Optional[str] = None
    #: Of the machine or snapshot, as it was then.
    metadata: Optional[Dict[str, str]] = None

    _shapes: ClassVar[Dict[str, Shape]] = {"occurred_at": MOMENT}


@dataclass(eq=False, repr=False)
class LifecycleEventList(Model):
    events: List[LifecycleEvent]
    offset: int
    limit: int
    has_more: bool

    _shapes: ClassVar[Dict[str, Shape]] = {"events": Many(Ref("LifecycleEvent"))}


@dataclass(eq=False, repr=False)
class Egress(Model):
    """The policy that is in force."""

    machine_id: str
    egress: Dict[str, Any]


@dataclass(eq=False, repr=False)
class HostInfo(Model):
    """Where a port of a machine is reached. The URLs are signed: they open it to whoever has them."""

    #: Without a scheme.
    host: str
    url: Optional[str] = None
    websocket_url: Optional[str] = None
    access_token_expires_at: Optional[datetime] = None
    access_token_transport: Optional[str] = None

    _shapes: ClassVar[Dict[str, Shape]] = {"access_token_expires_at": MOMENT}


@dataclass(eq=False, repr=False)
class PreviewGrantInfo(Model):
    """What lets URLs or a proxy reach a port, until it ends or is revoked."""

    id: str
    port: int
    token_kinds: Optional[List[str]] = None
    principal_kind: Optional[str] = None
    principal_id: Optional[str] = None
    issued_at: Optional[datetime] = None
    expires_at: Optional[datetime] = None
    revoked_at: Optional[datetime] = None
    first_used_at: Optional[datetime] = None
    last_used_at: Optional[datetime] = None
    use_count: Optional[int] = None

    _shapes: ClassVar[Dict[str, Shape]] = {
        "issued_at": MOMENT,
        "expires_at": MOMENT,
        "revoked_at": MOMENT,
        "first_used_at": MOMENT,
        "last_used_at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class PreviewUrl(Model):
    url: str
    grant: Optional[PreviewGrantInfo] = None
    websocket_url: Optional[str] = None
    access_token_expires_at: Optional[datetime] = None
    access_token_transport: Optional[str] = None

    _shapes: ClassVar[Dict[str, Shape]] = {"grant": Ref("PreviewGrantInfo"), "access_token_expires_at": MOMENT}


@dataclass(eq=False, repr=False)
class PreviewGrantList(Model):
    items: List[PreviewGrantInfo]

    _shapes: ClassVar[Dict[str, Shape]] = {"items": Many(Ref("PreviewGrantInfo"))}


@dataclass(eq=False, repr=False)
class PreviewProxyTarget(Model):
    """For a proxy of the caller's: the token goes in `token_header_name` of every request, and into no URL."""

    grant: PreviewGrantInfo
    port: int
    token_header_name: str
    expires_at: Optional[datetime] = None
    token_transport: Optional[str] = None
    required_forwarded_headers: Optional[List[str]] = None
    warnings: Optional[List[Any]] = None
    http_url: Optional[str] = None
    websocket_url: Optional[str] = None
    http_token: Optional[str] = None
    websocket_token: Optional[str] = None
    traffic_access_required: Optional[bool] = None
    traffic_access_header_name: Optional[str] = None

    _shapes: ClassVar[Dict[str, Shape]] = {"grant": Ref("PreviewGrantInfo"), "expires_at": MOMENT}


@dataclass(eq=False, repr=False)
class FileMatch(Model):
    path: str
    #: From 1; None where only names were looked for.
    line: Optional[int] = None
    text: Optional[str] = None


@dataclass(eq=False, repr=False)
class SearchResult(Model):
    matches: List[FileMatch]
    #: There was more.
    truncated: Optional[bool] = None

    _shapes: ClassVar[Dict[str, Shape]] = {"matches": Many(Ref("FileMatch"))}


@dataclass(eq=False, repr=False)
class ReplacedFile(Model):
    path: str
    replacements: int


@dataclass(eq=False, repr=False)
class ReplaceResult(Model):
    files: List[ReplacedFile]
    replacements: int
    dry_run: Optional[bool] = None
    truncated: Optional[bool] = None

    _shapes: ClassVar[Dict[str, Shape]] = {"files": Many(Ref("ReplacedFile"))}


@dataclass(eq=False, repr=False)
class PreviewReadiness(Model):
    ready: bool
    route_ready: Optional[bool] = None
    service_ready: Optional[bool] = None
    kind: Optional[str] = None
    code: Optional[str] = None
    suggested_action: Optional[str] = None


@dataclass(eq=False, repr=False)
class VolumeInfo(Model):
    id: str
    name: str
    status: str
    #: Running machines that have it.
    mount_count: int
    max_size_bytes: int
    created_at: datetime
    used_bytes: Optional[int] = None

    _shapes: ClassVar[Dict[str, Shape]] = {"created_at": MOMENT}


@dataclass(eq=False, repr=False)
class VolumeAttachmentInfo(Model):
    """What a machine has of a volume."""

    id: str
    volume_id: str
    machine_id: str
    mount_path: str
    read_only: bool
    #: `mounted`, `paused`, `failed`, …
    status: str
    subpath: Optional[str] = None
    last_error_code: Optional[str] = None
    last_error_message: Optional[str] = None


@dataclass(eq=False, repr=False)
class VolumeAttachmentInfoList(Model):
    attachments: List[VolumeAttachmentInfo]

    _shapes: ClassVar[Dict[str, Shape]] = {"attachments": Many(Ref("VolumeAttachmentInfo"))}


@dataclass(eq=False, repr=False)
class VolumeInfoList(Model):
    volumes: List[VolumeInfo]

    _shapes: ClassVar[Dict[str, Shape]] = {"volumes": Many(Ref("VolumeInfo"))}


@dataclass(eq=False, repr=False)
class VolumeHealth(Model):
    attachment_id: str
    healthy: bool
    status: str
    checked_at: datetime
    last_error_code: Optional[str] = None
    last_error_message: Optional[str] = None

    _shapes: ClassVar[Dict[str, Shape]] = {"checked_at": MOMENT}
