"""Made by tools/generate.py from packages/contract/src/api/fastvm/openapi.json; not to be edited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Dict, List, Optional, Union

from .._model import MOMENT, Many, Model, OneOf, Ref, Shape


@dataclass(eq=False, repr=False)
class AddSshKeyBody(Model):
    public_key: str
    """One line of a `.pub` file."""
    name: Optional[str] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "public_key": "publicKey",
    }


@dataclass(eq=False, repr=False)
class AttachBucketMountBody(Model):
    bucket_uri: str
    """`s3://…` or `gs://…`."""
    credentials: BucketCredentials
    mount_path: str
    """A folder beneath `/mnt/` or `/data/`."""
    read_only: Optional[bool] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "bucket_uri": "bucketUri",
        "mount_path": "mountPath",
        "read_only": "readOnly",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "credentials": Ref("BucketCredentials"),
    }


@dataclass(eq=False, repr=False)
class AttachVolumeBody(Model):
    mount_path: str
    """Where the VM sees it: a folder beneath `/mnt/` or `/data/`."""
    volume_id: Optional[str] = None
    """Id, unique id prefix or name; needed where none of `tmpfs`, `host` and `image` is given."""
    read_only: Optional[bool] = None
    """Default: as the volume's access mode."""
    tmpfs: Optional[TmpfsMount] = None
    """Files in the VM's own memory, gone with it."""
    host: Optional[HostMount] = None
    """A folder or a file of the host."""
    image: Optional[ImageMount] = None
    """A disk in a file of the host: with `readOnly` as it is, else a copy of the VM's own."""
    noexec: Optional[bool] = None
    """Nothing of it is executed. Default false."""
    nosuid: Optional[bool] = None
    """Nothing of it lends rights. Default false; of a volume always."""
    nodev: Optional[bool] = None
    """Nothing of it is a device. Default false; of a volume always."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "mount_path": "mountPath",
        "volume_id": "volumeId",
        "read_only": "readOnly",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "tmpfs": Ref("TmpfsMount"),
        "host": Ref("HostMount"),
        "image": Ref("ImageMount"),
    }


@dataclass(eq=False, repr=False)
class AttachmentWarnings(Model):
    failed_volume_attachments: Optional[List[FailedVolume]] = None
    failed_bucket_mount_attachments: Optional[List[FailedBucket]] = None
    skipped_snapshot_bucket_mounts: Optional[List[SkippedBucket]] = None
    """
    Of what the snapshot had, where the launch named no others. The VM has them as `failed`; other credentials mount
    them.
    """
    skipped_snapshot_volumes: Optional[List[SkippedVolume]] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "failed_volume_attachments": "failedVolumeAttachments",
        "failed_bucket_mount_attachments": "failedBucketMountAttachments",
        "skipped_snapshot_bucket_mounts": "skippedSnapshotBucketMounts",
        "skipped_snapshot_volumes": "skippedSnapshotVolumes",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "failed_volume_attachments": Many(Ref("FailedVolume")),
        "failed_bucket_mount_attachments": Many(Ref("FailedBucket")),
        "skipped_snapshot_bucket_mounts": Many(Ref("SkippedBucket")),
        "skipped_snapshot_volumes": Many(Ref("SkippedVolume")),
    }


@dataclass(eq=False, repr=False)
class AuditEntry(Model):
    id: int
    """Counts the organisation's entries from 1, without gaps."""
    at: datetime
    key_id: str
    """Of the key that was presented, which may be gone."""
    address: str
    """The client's end of the connection; behind a proxy, the proxy's."""
    request_id: str
    """As the answer's `x-request-id` had it."""
    api: str
    operation: str
    """As the API's table calls it, such as `deleteVm`."""
    method: str
    path: str
    """As it was asked for, without what follows a question mark."""
    status: int
    """Of the answer: from 400 on nothing was changed, or not all of it."""
    subject: Optional[str] = None
    """Id of what it was about, or what the request called it."""
    before: Optional[Union[Dict[str, Any], ]] = None
    """What changed of the subject's record, as it was. Null where it began to exist. Without secrets."""
    after: Optional[Union[Dict[str, Any], ]] = None
    """The same as it was at the answer. Null where it is gone."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "key_id": "keyId",
        "request_id": "requestId",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class AuditPage(Model):
    entries: List[AuditEntry]
    has_more: bool
    """Whether more match than this page has."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "has_more": "hasMore",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "entries": Many(Ref("AuditEntry")),
    }


@dataclass(eq=False, repr=False)
class BackgroundExec(Model):
    id: str
    """UUID. The same in the forks and snapshots of its VM."""
    vm_id: str
    pid: int
    """In the guest; 0 when it could not start."""
    command: List[str]
    """Of one over 8 KiB the arguments in front."""
    command_truncated: bool
    stdin_open: bool
    """Whether it can be written to."""
    status: str
    timed_out: bool
    started_at: datetime
    """By the guest's clock."""
    first_offset: int
    """Of the first byte of output that is kept."""
    end_offset: int
    """How many bytes it has written: stdout and stderr together."""
    restored_offset: int
    """
    Where its output was when this VM was last restored: resumed, launched from a snapshot, or born as a fork. What
    follows is this VM's own.
    """
    restores: int
    """How many restores it has lived through."""
    cwd: Optional[str] = None
    """As it was asked for."""
    user: Optional[str] = None
    """As it was asked for."""
    pty: Optional[TerminalSize] = None
    exit_code: Optional[int] = None
    """128 + n when signal n ended it, 124 when its time ran out, 126 or 127 when it could not start."""
    duration_ms: Optional[int] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "vm_id": "vmId",
        "command_truncated": "commandTruncated",
        "stdin_open": "stdinOpen",
        "timed_out": "timedOut",
        "started_at": "startedAt",
        "first_offset": "firstOffset",
        "end_offset": "endOffset",
        "restored_offset": "restoredOffset",
        "exit_code": "exitCode",
        "duration_ms": "durationMs",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "started_at": MOMENT,
        "pty": Ref("TerminalSize"),
    }


@dataclass(eq=False, repr=False)
class BucketCredentials(Model):
    type: str
    """`gcp-service-account-json` or `aws-credentials`."""
    value: Dict[str, str]
    """
    Never shown again. Of the first type a service account's JSON; of the second `{data}`, the text of an AWS
    credentials file, of which `aws_access_key_id`, `aws_secret_access_key`, `aws_session_token`, `region` and
    `endpoint_url` are read.
    """


@dataclass(eq=False, repr=False)
class BucketMount(Model):
    id: str
    vm_id: str
    bucket_uri: str
    """`s3://…` or `gs://…`."""
    mount_path: str
    """A folder beneath `/mnt/` or `/data/`."""
    mount_status: str
    created_at: datetime
    read_only: Optional[bool] = None
    status_message: Optional[str] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "vm_id": "vmId",
        "bucket_uri": "bucketUri",
        "mount_path": "mountPath",
        "mount_status": "mountStatus",
        "created_at": "createdAt",
        "read_only": "readOnly",
        "status_message": "statusMessage",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "created_at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class BuildBody(Model):
    name: Optional[str] = None
    """Of the snapshot. Default: the build's id."""
    machine_type: Optional[str] = None
    """Of VMs launched from the snapshot. Default `c1m2`."""
    disk_gi_b: Optional[int] = None
    """Default 10."""
    image_ref: Optional[str] = None
    """An image of a registry. With a Dockerfile it only is shown; one of these two is needed."""
    dockerfile_content: Optional[str] = None
    """The text of a Dockerfile."""
    dockerfile_path: Optional[str] = None
    """Where in the context the Dockerfile is, when its text is not given. Default `Dockerfile`."""
    context_download_url: Optional[str] = None
    """What `build-contexts/presign` answered, after a `tar.gz` or ZIP was PUT there. Good for one build."""
    target: Optional[str] = None
    """The stage to stop at. Default: the last one."""
    build_args: Optional[Dict[str, str]] = None
    """For `ARG`. At most 64, 8 KiB in all."""
    secrets: Optional[Dict[str, str]] = None
    """For `RUN --mount=type=secret`, by id. In no image, log or record. At most 32, 256 KiB in all."""
    tag: Optional[str] = None
    """Keeps the image under this name, for `image` of a launch; another build of that name replaces it."""
    no_cache: Optional[bool] = None
    """Whether to use nothing of earlier builds. Default false."""
    firewall: Optional[Union[FirewallPolicy, EgressModeFirewall, LegacyFirewallPolicy, ]] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "machine_type": "machineType",
        "disk_gi_b": "diskGiB",
        "image_ref": "imageRef",
        "dockerfile_content": "dockerfileContent",
        "dockerfile_path": "dockerfilePath",
        "context_download_url": "contextDownloadUrl",
        "build_args": "buildArgs",
        "no_cache": "noCache",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "firewall": OneOf(Ref("FirewallPolicy"), Ref("EgressModeFirewall"), Ref("LegacyFirewallPolicy")),
    }


@dataclass(eq=False, repr=False)
class BuildLog(Model):
    log: str
    """What it has printed so far; of one that has ended the last 256 KiB."""
    status: str
    """As of the build."""


@dataclass(eq=False, repr=False)
class BuildLogEvent(Model):
    """The last one is an x. With `code`, an error's, the reader was cut off and `d` says why: the build goes on."""

    t: str
    """A line, progress, the end."""
    d: Optional[str] = None
    """l: the line without its end. p: as `progress`. x: why it failed."""
    status: Optional[str] = None
    """x: as of the build."""
    snapshot_id: Optional[str] = None
    """x: of a build that has completed."""
    code: Optional[str] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "snapshot_id": "snapshotId",
    }


@dataclass(eq=False, repr=False)
class BuildResponse(Model):
    id: str
    """UUID. The same for `snapshot-imports`."""
    status: str
    """`pending`, `running`, `completed`, `failed`, the last also when it was cancelled."""
    image_ref: str
    """As it was asked for; empty when it was not."""
    created_at: datetime
    name: Optional[str] = None
    tag: Optional[str] = None
    progress: Optional[str] = None
    """
    While it runs: `creating build VM`, `fetching context`, `buildah pull`, `buildah bud`, `applying image`, `settling
    VM`, `creating snapshot`.
    """
    snapshot_id: Optional[str] = None
    """When it has completed."""
    image_digest: Optional[str] = None
    """Of the image's manifest, when there is one."""
    steps: Optional[BuildResponseSteps] = None
    """Instructions that ran, and those taken of an earlier build."""
    error: Optional[str] = None
    """Why it failed; of a step its last lines. At most 4 KiB."""
    started_at: Optional[datetime] = None
    finished_at: Optional[datetime] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "image_ref": "imageRef",
        "created_at": "createdAt",
        "snapshot_id": "snapshotId",
        "image_digest": "imageDigest",
        "started_at": "startedAt",
        "finished_at": "finishedAt",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "created_at": MOMENT,
        "steps": Ref("BuildResponseSteps"),
        "started_at": MOMENT,
        "finished_at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class BuildResponseSteps(Model):
    """Instructions that ran, and those taken of an earlier build."""

    ran: int
    cached: int


@dataclass(eq=False, repr=False)
class CapturedBucket(Model):
    bucket_uri: str
    """`s3://…` or `gs://…`."""
    mount_path: str
    """A folder beneath `/mnt/` or `/data/`."""
    read_only: Optional[bool] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "bucket_uri": "bucketUri",
        "mount_path": "mountPath",
        "read_only": "readOnly",
    }


@dataclass(eq=False, repr=False)
class ConsoleTokenResponse(Model):
    token: str
    """Good for one connection."""
    expires_in_sec: int
    websocket_path: str
    """To be opened with `?session=<token>` and no key."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "expires_in_sec": "expiresInSec",
        "websocket_path": "websocketPath",
    }


@dataclass(eq=False, repr=False)
class ContextPresign(Model):
    context_ref: str
    upload_url: str
    """PUT the ZIP or `tar.gz`. Do not send the API key."""
    expires_in_sec: int
    max_upload_bytes: int

    _wire_names: ClassVar[Dict[str, str]] = {
        "context_ref": "contextRef",
        "upload_url": "uploadUrl",
        "expires_in_sec": "expiresInSec",
        "max_upload_bytes": "maxUploadBytes",
    }


@dataclass(eq=False, repr=False)
class ContextPresignBody(Model):
    size_bytes: Optional[int] = None
    """Of what will be uploaded; refused if it is too much."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "size_bytes": "sizeBytes",
    }


@dataclass(eq=False, repr=False)
class CopyVolumeFileBody(Model):
    path: str
    """In the VM; relative to /root."""
    new_path: str

    _wire_names: ClassVar[Dict[str, str]] = {
        "new_path": "newPath",
    }


@dataclass(eq=False, repr=False)
class CreateKeyBody(Model):
    api: Optional[str] = None
    name: Optional[str] = None
    scopes: Optional[List[str]] = None
    """Default: `manage`."""
    expires_at: Optional[str] = None
    """As RFC 3339 has it. Default: never."""
    requests_per_minute: Optional[int] = None
    """Answers then say in `RateLimit-…` headers what is left. Default: as many as there are."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "expires_at": "expiresAt",
        "requests_per_minute": "requestsPerMinute",
    }


@dataclass(eq=False, repr=False)
class CreateSnapshotBody(Model):
    vm_id: str
    """Id, unique id prefix or unique name."""
    name: Optional[str] = None
    """Trimmed, white space collapsed, cut to 64 characters."""
    reclaim: Optional[bool] = None
    """The VM drops its page cache, and memory that it has free is left out: a smaller snapshot. Default false."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "vm_id": "vmId",
    }


@dataclass(eq=False, repr=False)
class CreateVolumeBody(Model):
    name: str
    """Trimmed, white space collapsed, cut to 64 characters; unique in the organisation."""
    size_gi_b: int
    """Reserved on the host at once."""
    access_mode: Optional[str] = None
    """`ro`: no VM writes to it."""
    kind: Optional[str] = None
    """`directory`: files that several VMs share. `disk`: a disk for one VM at a time."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "size_gi_b": "sizeGiB",
        "access_mode": "accessMode",
    }


@dataclass(eq=False, repr=False)
class CreateWebhookBody(Model):
    url: str
    """http or https. It is asked by POST; redirections are not followed."""
    types: Optional[List[str]] = None
    """Such as `vm.pause_succeeded`: of these it is told. Default, and if it is empty: of all."""
    secret: Optional[str] = None
    """What is sent is signed with it. Default: one is made."""


@dataclass(eq=False, repr=False)
class DNSPolicy(Model):
    """
    `allow`: only `domains` resolve. `deny` (default): all but them do. Absent: all do, or where egress denies what no
    rule names, those that its rules name.
    """

    mode: Optional[str] = None
    domains: Optional[List[str]] = None
    block_bypass: Optional[bool] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "block_bypass": "blockBypass",
    }


@dataclass(eq=False, repr=False)
class DeleteResponse(Model):
    id: str
    deleted: bool


@dataclass(eq=False, repr=False)
class Detachment(Model):
    detached: bool
    warnings: Optional[List[DetachmentWarning]] = None

    _shapes: ClassVar[Dict[str, Shape]] = {
        "warnings": Many(Ref("DetachmentWarning")),
    }


@dataclass(eq=False, repr=False)
class DetachmentWarning(Model):
    type: str
    message: str


@dataclass(eq=False, repr=False)
class DiskShare(Model):
    id: str
    """Of the VM or snapshot."""
    used_bytes: int
    """What its files take: disk, captured memory and whatever else there is."""
    own_bytes: int
    """Of these, what comes free when it alone is deleted; the rest it shares with others, or with a template."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "used_bytes": "usedBytes",
        "own_bytes": "ownBytes",
    }


@dataclass(eq=False, repr=False)
class DiskUsage(Model):
    host: HostMount
    used_bytes: int
    """What all VMs and snapshots below take together; what they share counts once."""
    vms: List[DiskShare]
    snapshots: List[DiskShare]

    _wire_names: ClassVar[Dict[str, str]] = {
        "used_bytes": "usedBytes",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "host": Ref("HostMount"),
        "vms": Many(Ref("DiskShare")),
        "snapshots": Many(Ref("DiskShare")),
    }


@dataclass(eq=False, repr=False)
class EgressMode(Model):
    """`custom`: denials win; with `allow_cidrs` all else is denied."""

    mode: str
    allow_cidrs: Optional[List[str]] = None
    deny_cidrs: Optional[List[str]] = None
    rate_limit: Optional[EgressModeRateLimit] = None

    _shapes: ClassVar[Dict[str, Shape]] = {
        "rate_limit": Ref("EgressModeRateLimit"),
    }


@dataclass(eq=False, repr=False)
class EgressModeFirewall(Model):
    """As `Firewall`, with a mode for what goes out."""

    egress: EgressMode
    ingress: Optional[IngressPolicy] = None
    dns: Optional[DNSPolicy] = None

    _shapes: ClassVar[Dict[str, Shape]] = {
        "egress": Ref("EgressMode"),
        "ingress": Ref("IngressPolicy"),
        "dns": Ref("DNSPolicy"),
    }


@dataclass(eq=False, repr=False)
class EgressModeRateLimit(Model):
    kbit_per_sec: Optional[int] = None
    pps: Optional[int] = None
    burst: Optional[int] = None


@dataclass(eq=False, repr=False)
class EgressPolicy(Model):
    default: str
    rules: Optional[List[NetworkRule]] = None
    rate_limit: Optional[RateLimit] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "rate_limit": "rateLimit",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "rules": Many(Ref("NetworkRule")),
        "rate_limit": Ref("RateLimit"),
    }


@dataclass(eq=False, repr=False)
class ErrorBody(Model):
    error: str
    """What happened, for people."""
    code: str
    message: str
    """The same text as `error`: some clients read this field."""
    retryable: bool
    """Whether the same request may succeed later."""
    hint: Optional[str] = None
    """What to do about it."""
    field: Optional[str] = None
    """The input that caused it, as a dotted path."""
    request_id: Optional[str] = None
    """The request's, as in the header `x-request-id` and the server's log."""
    suggested_action: Optional[str] = None
    """The same text as `hint`, in answers of the proxy into services."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "request_id": "requestId",
    }


@dataclass(eq=False, repr=False)
class Event(Model):
    id: int
    """Counts the organisation's events from 1, without gaps: who reads on after it misses nothing."""
    at: datetime
    type: str
    """`vm.` or `snapshot.` and the cause, such as `vm.pause_succeeded`. More may come, and are to be passed over."""
    subject_id: str
    """Of the VM or the snapshot, which may be gone."""
    actor: str
    """`key:<id>` of who asked for it, or `system`."""
    from_status: Optional[str] = None
    """Absent where it began to exist."""
    to_status: Optional[str] = None
    """Absent where it no longer exists."""
    detail: Optional[str] = None
    """The reason, mostly of what failed."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "subject_id": "subjectId",
        "from_status": "fromStatus",
        "to_status": "toStatus",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class EventNotice(Model):
    type: str
    code: Optional[str] = None
    message: Optional[str] = None


@dataclass(eq=False, repr=False)
class EventPage(Model):
    events: List[Event]
    has_more: bool
    """Whether more match than this page has."""
    last_id: int
    """Of the latest event of all; 0 where there is none."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "has_more": "hasMore",
        "last_id": "lastId",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "events": Many(Ref("Event")),
    }


@dataclass(eq=False, repr=False)
class ExecBody(Model):
    command: List[str]
    """argv, without a shell; the first element is looked up in PATH and must not be empty."""
    timeout_sec: Optional[int] = None
    """Default: none; the command lives as long as its connection."""
    stdin: Optional[str] = None
    """Base64; written, then closed. Default: empty."""
    env: Optional[Dict[str, str]] = None
    """Added to the VM's environment for this command."""
    cwd: Optional[str] = None
    """Default `/root`."""
    user: Optional[str] = None
    """Name or number; default root."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "timeout_sec": "timeoutSec",
    }


@dataclass(eq=False, repr=False)
class ExecOutput(Model):
    stdout: str
    """Bytes that are not UTF-8 are replaced by U+FFFD."""
    stderr: str
    lost_bytes: int
    """How many after `offset` were not kept."""
    next_offset: int
    """Where the next question goes on."""
    exit_code: Optional[int] = None
    """When it has ended."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "lost_bytes": "lostBytes",
        "next_offset": "nextOffset",
        "exit_code": "exitCode",
    }


@dataclass(eq=False, repr=False)
class ExecOutputEvent(Model):
    """
    The first one is an a, and another comes whenever output was lost. The last one is an x. With `code`, an error's,
    the reader was cut off and `d` says why: the command may go on, and its output with it.
    """

    t: str
    """A place, stdout, stderr, exit."""
    at: Optional[int] = None
    """a: the offset of the next byte."""
    lost: Optional[int] = None
    """a: how many bytes before it were lost; omitted when 0."""
    d: Optional[str] = None
    """o, e: base64 of raw bytes. x: why it was lost."""
    c: Optional[int] = None
    """x: exit code; omitted when 0."""
    to: Optional[bool] = None
    """x: its time ran out; omitted when it did not."""
    ms: Optional[int] = None
    """x: duration."""
    code: Optional[str] = None


@dataclass(eq=False, repr=False)
class ExecStreamEvent(Model):
    """The last one is an x. With `code`, an error's, the command was lost: `c` is then 255, `d` says why."""

    t: str
    """stdout, stderr, exit."""
    d: Optional[str] = None
    """o, e: base64 of raw bytes. x: why it could not start."""
    c: Optional[int] = None
    """x: exit code; omitted when 0."""
    to: Optional[bool] = None
    """x: its time ran out; omitted when it did not."""
    ms: Optional[int] = None
    """x: duration."""
    code: Optional[str] = None


@dataclass(eq=False, repr=False)
class ExecVMResponse(Model):
    """`code` is `error`'s, and only with it."""

    exit_code: int
    """128 + n when signal n ended it, 124 when its time ran out, 126 or 127 when it could not start."""
    stdout: str
    """Bytes that are not UTF-8 are replaced by U+FFFD."""
    stderr: str
    timed_out: bool
    stdout_truncated: bool
    """More than 4 MiB came; the rest was dropped."""
    stderr_truncated: bool
    duration_ms: int
    error: Optional[str] = None
    """
    Only when the command was lost after the headers were sent: why. `exitCode` is then 255 and what it had written is
    gone.
    """
    code: Optional[str] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "exit_code": "exitCode",
        "timed_out": "timedOut",
        "stdout_truncated": "stdoutTruncated",
        "stderr_truncated": "stderrTruncated",
        "duration_ms": "durationMs",
    }


@dataclass(eq=False, repr=False)
class FailedBucket(Model):
    mount_path: str
    bucket_uri: str
    status_message: str
    """
    Begins with `credentials_invalid`, `credentials_unavailable` or `bucket_unreachable` where the bucket is to blame.
    """

    _wire_names: ClassVar[Dict[str, str]] = {
        "mount_path": "mountPath",
        "bucket_uri": "bucketUri",
        "status_message": "statusMessage",
    }


@dataclass(eq=False, repr=False)
class FailedVolume(Model):
    mount_path: str
    volume_id: str
    status_message: str

    _wire_names: ClassVar[Dict[str, str]] = {
        "mount_path": "mountPath",
        "volume_id": "volumeId",
        "status_message": "statusMessage",
    }


@dataclass(eq=False, repr=False)
class FileEvent(Model):
    type: str
    """
    `rename` comes for the old path and for the new one, each where it is watched. `overflow`: events were lost.
    `error` is the last: the folder is gone, or the VM is.
    """
    path: str
    """Empty of `overflow` and `error`."""
    code: Optional[str] = None
    """Of an `error`."""
    message: Optional[str] = None
    """Of an `error`."""


@dataclass(eq=False, repr=False)
class FileFetchBody(Model):
    url: str
    """A `downloadUrl` of this server."""
    path: str
    """Where in the VM; relative to /root."""
    timeout_sec: Optional[int] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "timeout_sec": "timeoutSec",
    }


@dataclass(eq=False, repr=False)
class FileInfo(Model):
    path: str
    """Absolute. What is not UTF-8 in it is U+FFFD."""
    name: str
    """Its last part."""
    type: str
    size_bytes: int
    mode: str
    """Octal permission bits: `0644`."""
    modified_at: datetime
    uid: int
    gid: int
    link_target: Optional[str] = None
    """Of a symlink: what it says."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "size_bytes": "sizeBytes",
        "modified_at": "modifiedAt",
        "link_target": "linkTarget",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "modified_at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class FileList(Model):
    entries: List[FileInfo]
    has_more: bool
    """More come after the last one's `path`."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "has_more": "hasMore",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "entries": Many(Ref("FileInfo")),
    }


@dataclass(eq=False, repr=False)
class FilePresignBody(Model):
    path: Optional[str] = None
    """What it is for. Any text; it only names the object."""


@dataclass(eq=False, repr=False)
class FilePresignResponse(Model):
    upload_url: str
    """PUT, as often as needed; good here and inside the VM."""
    download_url: str
    """GET; waits for an upload that is under way."""
    expires_in_sec: int
    max_upload_bytes: int
    """The VM's disk."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "upload_url": "uploadUrl",
        "download_url": "downloadUrl",
        "expires_in_sec": "expiresInSec",
        "max_upload_bytes": "maxUploadBytes",
    }


@dataclass(eq=False, repr=False)
class FirewallDirectionHits(Model):
    """Counted from the last change of the policy."""

    rules: List[NetworkRuleHits]
    """In the order in which they are tried."""
    default: FirewallHits

    _shapes: ClassVar[Dict[str, Shape]] = {
        "rules": Many(Ref("NetworkRuleHits")),
        "default": Ref("FirewallHits"),
    }


@dataclass(eq=False, repr=False)
class FirewallHits(Model):
    packets: int
    bytes: int


@dataclass(eq=False, repr=False)
class FirewallPolicy(Model):
    """Absent blocks: ingress deny, egress allow; `dns` follows from egress."""

    ingress: Optional[IngressPolicy] = None
    egress: Optional[EgressPolicy] = None
    dns: Optional[DNSPolicy] = None

    _shapes: ClassVar[Dict[str, Shape]] = {
        "ingress": Ref("IngressPolicy"),
        "egress": Ref("EgressPolicy"),
        "dns": Ref("DNSPolicy"),
    }


@dataclass(eq=False, repr=False)
class FirewallReport(Model):
    """`hits` only of a VM that runs and has a network."""

    policy: FirewallPolicy
    hits: Optional[FirewallReportHits] = None

    _shapes: ClassVar[Dict[str, Shape]] = {
        "policy": Ref("FirewallPolicy"),
        "hits": Ref("FirewallReportHits"),
    }


@dataclass(eq=False, repr=False)
class FirewallReportHits(Model):
    ingress: FirewallDirectionHits
    egress: FirewallDirectionHits
    traffic: FirewallReportHitsTraffic
    """All of the VM's traffic since it last began to run."""
    dropped: FirewallHits
    dns: FirewallReportHitsDns
    """The VM's questions, by what became of them."""

    _shapes: ClassVar[Dict[str, Shape]] = {
        "ingress": Ref("FirewallDirectionHits"),
        "egress": Ref("FirewallDirectionHits"),
        "traffic": Ref("FirewallReportHitsTraffic"),
        "dropped": Ref("FirewallHits"),
        "dns": Ref("FirewallReportHitsDns"),
    }


@dataclass(eq=False, repr=False)
class FirewallReportHitsDns(Model):
    """The VM's questions, by what became of them."""

    answered: int
    refused: int
    filtered: int
    limited: int
    failed: int


@dataclass(eq=False, repr=False)
class FirewallReportHitsTraffic(Model):
    """All of the VM's traffic since it last began to run."""

    sent: FirewallHits
    received: FirewallHits

    _shapes: ClassVar[Dict[str, Shape]] = {
        "sent": Ref("FirewallHits"),
        "received": Ref("FirewallHits"),
    }


@dataclass(eq=False, repr=False)
class ForkBody(Model):
    count: Optional[int] = None
    """Children; default 1."""
    names: Optional[List[str]] = None
    """Names of the first children; the others get default names."""
    metadata: Optional[Dict[str, str]] = None
    """≤ 256 keys of 1–256 bytes, values ≤ 4096 bytes, ≤ 65536 bytes as JSON."""
    firewall: Optional[Union[FirewallPolicy, EgressModeFirewall, LegacyFirewallPolicy, ]] = None
    volumes: Optional[str] = None
    """
    What children have of the source's volumes: the same (default), the same to read, nothing, or copies that are
    volumes of their own.
    """

    _shapes: ClassVar[Dict[str, Shape]] = {
        "firewall": OneOf(Ref("FirewallPolicy"), Ref("EgressModeFirewall"), Ref("LegacyFirewallPolicy")),
    }


@dataclass(eq=False, repr=False)
class ForkChild(Model):
    """Exactly one of `vm` (it runs) and `error` (nothing of it is left)."""

    vm: Optional[VM] = None
    error: Optional[ErrorBody] = None

    _shapes: ClassVar[Dict[str, Shape]] = {
        "vm": Ref("VM"),
        "error": Ref("ErrorBody"),
    }


@dataclass(eq=False, repr=False)
class ForkResult(Model):
    children: List[ForkChild]
    """One per child, in order."""
    pause_ms: float
    """How long the source stood still."""
    dirty_bytes: int
    """Memory that was copied."""
    duration_ms: float
    """From the request to the last child's answer."""
    tracking: Optional[str] = None
    """
    How it was known what to copy. `writes`: what was written since the last capture or restore; `none`: all that is
    its own.
    """

    _wire_names: ClassVar[Dict[str, str]] = {
        "pause_ms": "pauseMs",
        "dirty_bytes": "dirtyBytes",
        "duration_ms": "durationMs",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "children": Many(Ref("ForkChild")),
    }


@dataclass(eq=False, repr=False)
class HealthResponse(Model):
    status: str
    """`ok`, or why the server is not ready."""


@dataclass(eq=False, repr=False)
class HostMount(Model):
    """A folder or a file of the host."""

    path: str
    """Absolute, beneath a folder that `fastvm serve --allow-mount` names; a folder or one file."""
    stat_virtualization: Optional[str] = None
    """
    Owners, modes and kinds: `strict` (default) keeps the VM's in an attribute, `relaxed` where that can be, `off` has
    the host's.
    """
    host_permissions: Optional[str] = None
    """What the host's files get of the VM's permissions: nothing (default), or the plain ones."""
    quota_mi_b: Optional[int] = None
    """What all VMs together may add to it. Default 4096."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "stat_virtualization": "statVirtualization",
        "host_permissions": "hostPermissions",
        "quota_mi_b": "quotaMiB",
    }


@dataclass(eq=False, repr=False)
class HostRoom(Model):
    memory_mi_b: int
    """What running VMs may be promised"""
    promised_memory_mi_b: int
    """What they are promised now"""

    _wire_names: ClassVar[Dict[str, str]] = {
        "memory_mi_b": "memoryMiB",
        "promised_memory_mi_b": "promisedMemoryMiB",
    }


@dataclass(eq=False, repr=False)
class IdlePolicy(Model):
    """
    How long it may run unused. Use is what comes from outside: commands, consoles, files, requests to its services,
    SSH.
    """

    action: str
    """What becomes of it then."""
    seconds: int
    guest_work: Optional[bool] = None
    """Whether what its guest computes by itself is use, too. Default false."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "guest_work": "guestWork",
    }


@dataclass(eq=False, repr=False)
class Image(Model):
    reference: str
    """In full, with registry and tag: `docker.io/library/python:3.13-slim`."""
    digest: str
    """`sha256:…`, of the manifest for this host's platform."""
    platform: str
    """`linux/amd64`."""
    size_bytes: int
    """Of configuration and layers as they are kept, most of them compressed."""
    pulled_at: datetime
    shared: bool
    """Brought by whoever runs the host, for all organisations."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "size_bytes": "sizeBytes",
        "pulled_at": "pulledAt",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "pulled_at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class ImageDetails(Model):
    reference: str
    """In full, with registry and tag: `docker.io/library/python:3.13-slim`."""
    digest: str
    """`sha256:…`, of the manifest for this host's platform."""
    platform: str
    """`linux/amd64`."""
    size_bytes: int
    """Of configuration and layers as they are kept, most of them compressed."""
    pulled_at: datetime
    shared: bool
    """Brought by whoever runs the host, for all organisations."""
    layers: List[ImageLayer]
    """The lowest first."""
    settings: ImageSettings

    _wire_names: ClassVar[Dict[str, str]] = {
        "size_bytes": "sizeBytes",
        "pulled_at": "pulledAt",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "pulled_at": MOMENT,
        "layers": Many(Ref("ImageLayer")),
        "settings": Ref("ImageSettings"),
    }


@dataclass(eq=False, repr=False)
class ImageLayer(Model):
    digest: str
    media_type: str
    size_bytes: int

    _wire_names: ClassVar[Dict[str, str]] = {
        "media_type": "mediaType",
        "size_bytes": "sizeBytes",
    }


@dataclass(eq=False, repr=False)
class ImageMount(Model):
    """A disk in a file of the host: with `readOnly` as it is, else a copy of the VM's own."""

    path: str
    """Absolute, beneath a folder that `fastvm serve --allow-mount` names."""
    format: Optional[str] = None
    """Default: as its name ends, else `raw`. A `vmdk` is of one file."""
    fstype: Optional[str] = None
    """As the VM's kernel calls what is on it. Default: whichever takes it."""


@dataclass(eq=False, repr=False)
class ImagePull(Model):
    status: str
    reference: str
    """In full."""
    image: Optional[Image] = None

    _shapes: ClassVar[Dict[str, Shape]] = {
        "image": Ref("Image"),
    }


@dataclass(eq=False, repr=False)
class ImageSettings(Model):
    entrypoint: List[str]
    """As its maker gave it; a VM's launch runs nothing of it."""
    cmd: List[str]
    """As its maker gave it."""
    env: List[str]
    """`NAME=value`."""
    workdir: str
    user: str
    ports: List[str]
    """`8080/tcp`."""
    labels: Dict[str, Any]
    stop_signal: str

    _wire_names: ClassVar[Dict[str, str]] = {
        "stop_signal": "stopSignal",
    }


@dataclass(eq=False, repr=False)
class IngressPolicy(Model):
    default: str
    rules: Optional[List[NetworkRule]] = None

    _shapes: ClassVar[Dict[str, Shape]] = {
        "rules": Many(Ref("NetworkRule")),
    }


@dataclass(eq=False, repr=False)
class Key(Model):
    """Without what is secret of it."""

    id: str
    org_id: str
    api: str
    scopes: List[str]
    created_at: datetime
    name: Optional[str] = None
    expires_at: Optional[datetime] = None
    last_used_at: Optional[datetime] = None
    """To the minute or so."""
    requests_per_minute: Optional[int] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "org_id": "orgId",
        "created_at": "createdAt",
        "expires_at": "expiresAt",
        "last_used_at": "lastUsedAt",
        "requests_per_minute": "requestsPerMinute",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "created_at": MOMENT,
        "expires_at": MOMENT,
        "last_used_at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class LaunchBody(Model):
    machine_type: Optional[str] = None
    """`c{vCPUs}m{GiB}`; exactly one of this and `snapshotId`."""
    snapshot_id: Optional[str] = None
    """Id, unique id prefix or unique name of a ready snapshot."""
    image: Optional[str] = None
    """With `machineType`: an image that the host keeps, by reference or digest. Default: the base image."""
    name: Optional[str] = None
    """Trimmed, white space collapsed, cut to 64 characters."""
    disk_gi_b: Optional[int] = None
    """Default 10, or the snapshot's; never smaller than the snapshot's."""
    metadata: Optional[Dict[str, str]] = None
    """≤ 256 keys of 1–256 bytes, values ≤ 4096 bytes, ≤ 65536 bytes as JSON."""
    env_vars: Optional[Dict[str, str]] = None
    """Names of letters, digits and `_`; values without line breaks; ≤ 65536 bytes."""
    ttl: Optional[TTL] = None
    max_life: Optional[MaxLife] = None
    """
    How long it lives from when it was made, running or not. A VM that is started after that begins anew; `delete`
    strikes paused and stopped ones, too.
    """
    idle: Optional[IdlePolicy] = None
    """
    How long it may run unused. Use is what comes from outside: commands, consoles, files, requests to its services,
    SSH.
    """
    auto_resume: Optional[bool] = None
    """Whether requests to the VM's services wake it when it is paused."""
    durability: Optional[str] = None
    """
    Of its disk. `strict`: what its guest has flushed is there after a power loss of the host, at the price of real
    flushes. Default: `strict` with a restart policy, otherwise `relaxed`, or the snapshot's.
    """
    restart_policy: Optional[str] = None
    """
    When it starts by itself: after a power loss, shutdown or failure of its host, or `always` also after its guest
    powered off; never after it was told to stop. Default `never`, or the snapshot's.
    """
    firewall: Optional[Union[FirewallPolicy, EgressModeFirewall, LegacyFirewallPolicy, ]] = None
    tls: Optional[TlsInput] = None
    secrets: Optional[List[SecretInput]] = None
    """All that it has from then on, at most 100."""
    volumes: Optional[List[AttachVolumeBody]] = None
    """What it mounts, at most 8; of a snapshot in place of all that it had mounted."""
    bucket_mounts: Optional[List[AttachBucketMountBody]] = None
    """Buckets that it mounts; of a snapshot in place of those that it had mounted."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "machine_type": "machineType",
        "snapshot_id": "snapshotId",
        "disk_gi_b": "diskGiB",
        "env_vars": "envVars",
        "max_life": "maxLife",
        "auto_resume": "autoResume",
        "restart_policy": "restartPolicy",
        "bucket_mounts": "bucketMounts",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "ttl": Ref("TTL"),
        "max_life": Ref("MaxLife"),
        "idle": Ref("IdlePolicy"),
        "firewall": OneOf(Ref("FirewallPolicy"), Ref("EgressModeFirewall"), Ref("LegacyFirewallPolicy")),
        "tls": Ref("TlsInput"),
        "secrets": Many(Ref("SecretInput")),
        "volumes": Many(Ref("AttachVolumeBody")),
        "bucket_mounts": Many(Ref("AttachBucketMountBody")),
    }


@dataclass(eq=False, repr=False)
class LegacyFirewallPatch(Model):
    mode: Optional[str] = None
    ingress: Optional[List[LegacyFirewallRule]] = None

    _shapes: ClassVar[Dict[str, Shape]] = {
        "ingress": Many(Ref("LegacyFirewallRule")),
    }


@dataclass(eq=False, repr=False)
class LegacyFirewallPolicy(Model):
    mode: str
    ingress: Optional[List[LegacyFirewallRule]] = None

    _shapes: ClassVar[Dict[str, Shape]] = {
        "ingress": Many(Ref("LegacyFirewallRule")),
    }


@dataclass(eq=False, repr=False)
class LegacyFirewallRule(Model):
    protocol: str
    port_start: int
    port_end: Optional[int] = None
    source_cidrs: Optional[List[str]] = None
    """IPv6; default `::/0`."""
    description: Optional[str] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "port_start": "portStart",
        "port_end": "portEnd",
        "source_cidrs": "sourceCidrs",
    }


@dataclass(eq=False, repr=False)
class MakeDirBody(Model):
    path: str
    """In the VM; relative to /root."""
    mode: Optional[str] = None
    """Octal. Default 0755."""


@dataclass(eq=False, repr=False)
class MaxLife(Model):
    """
    How long it lives from when it was made, running or not. A VM that is started after that begins anew; `delete`
    strikes paused and stopped ones, too.
    """

    action: str
    """What becomes of it then."""
    seconds: int


@dataclass(eq=False, repr=False)
class NetworkRule(Model):
    action: str
    kind: str
    """`fqdn` for egress only."""
    value: str
    """A network, or a name with at most one leading `*.`."""
    protocol: str
    ports: str
    """`"443"`, `"8080-8090"` or `"any"`; `any` when the protocol has none."""
    description: Optional[str] = None


@dataclass(eq=False, repr=False)
class NetworkRuleHits(Model):
    action: str
    kind: str
    """`fqdn` for egress only."""
    value: str
    """A network, or a name with at most one leading `*.`."""
    protocol: str
    ports: str
    """`"443"`, `"8080-8090"` or `"any"`; `any` when the protocol has none."""
    packets: int
    bytes: int
    description: Optional[str] = None


@dataclass(eq=False, repr=False)
class NewKey(Model):
    id: str
    org_id: str
    api: str
    scopes: List[str]
    created_at: datetime
    key: str
    """The key itself, which no other answer has."""
    name: Optional[str] = None
    expires_at: Optional[datetime] = None
    last_used_at: Optional[datetime] = None
    """To the minute or so."""
    requests_per_minute: Optional[int] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "org_id": "orgId",
        "created_at": "createdAt",
        "expires_at": "expiresAt",
        "last_used_at": "lastUsedAt",
        "requests_per_minute": "requestsPerMinute",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "created_at": MOMENT,
        "expires_at": MOMENT,
        "last_used_at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class NewWebhook(Model):
    id: str
    url: str
    types: List[str]
    """Empty: all."""
    enabled: bool
    created_at: datetime
    updated_at: datetime
    secret: Optional[str] = None
    """Where one was made; no other answer has it."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "created_at": "createdAt",
        "updated_at": "updatedAt",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "created_at": MOMENT,
        "updated_at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class OrgQuotaUsage(Model):
    org_id: str
    limits: OrgQuotaValues
    usage: OrgQuotaValues
    host: Optional[HostRoom] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "org_id": "orgId",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "limits": Ref("OrgQuotaValues"),
        "usage": Ref("OrgQuotaValues"),
        "host": Ref("HostRoom"),
    }


@dataclass(eq=False, repr=False)
class OrgQuotaValues(Model):
    vcpu: int
    memory_mi_b: int
    disk_gi_b: int
    snapshot_count: int
    volume_count: int
    volume_gi_b: int

    _wire_names: ClassVar[Dict[str, str]] = {
        "memory_mi_b": "memoryMiB",
        "disk_gi_b": "diskGiB",
        "snapshot_count": "snapshotCount",
        "volume_count": "volumeCount",
        "volume_gi_b": "volumeGiB",
    }


@dataclass(eq=False, repr=False)
class PullImageBody(Model):
    reference: str
    """As people write it: `python:3.13-slim`, `registry.example.com:5000/team/app@sha256:…`."""
    policy: Optional[str] = None
    """
    `if-missing` (default) asks nobody when it is here; `always` asks what the name means now, and brings what is
    lacking; `never` asks nobody at all.
    """
    username: Optional[str] = None
    """With `password`, for this pull alone, in place of the organisation's login. Kept nowhere."""
    password: Optional[str] = None


@dataclass(eq=False, repr=False)
class RateLimit(Model):
    """What the VM sends is shaped to exactly one of the two; `burst` is in the unit of the rate."""

    kbit_per_sec: Optional[int] = None
    packets_per_sec: Optional[int] = None
    burst: Optional[int] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "kbit_per_sec": "kbitPerSec",
        "packets_per_sec": "packetsPerSec",
    }


@dataclass(eq=False, repr=False)
class RegisterServiceBody(Model):
    name: str
    """1 to 29 characters: a-z, 0-9 and single hyphens inside."""
    port: int
    h2c: Optional[bool] = None
    """The proxy speaks cleartext HTTP/2 to the VM; gRPC needs it."""


@dataclass(eq=False, repr=False)
class RegistryLogin(Model):
    """The password is told to nobody."""

    registry: str
    """Host and perhaps port, as references of images begin."""
    username: str
    created_at: datetime
    updated_at: datetime
    """When it was last given."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "created_at": "createdAt",
        "updated_at": "updatedAt",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "created_at": MOMENT,
        "updated_at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class RemoveFileBody(Model):
    path: str
    """In the VM; relative to /root."""
    recursive: Optional[bool] = None
    """A folder with all that is in it. Default false."""


@dataclass(eq=False, repr=False)
class RenameFileBody(Model):
    path: str
    """In the VM; relative to /root."""
    new_path: str
    """A file that is there is replaced."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "new_path": "newPath",
    }


@dataclass(eq=False, repr=False)
class Replayed(Model):
    replayed: int
    """How many are sent again."""


@dataclass(eq=False, repr=False)
class ResizeExecBody(Model):
    cols: int
    rows: int


@dataclass(eq=False, repr=False)
class RotateBucketMountBody(Model):
    credentials: BucketCredentials

    _shapes: ClassVar[Dict[str, Shape]] = {
        "credentials": Ref("BucketCredentials"),
    }


@dataclass(eq=False, repr=False)
class ScopedUpstreamCa(Model):
    host: str
    certificates: str
    """PEM."""


@dataclass(eq=False, repr=False)
class ScopedVerifyUpstream(Model):
    host: str
    verify: bool


@dataclass(eq=False, repr=False)
class Secret(Model):
    """All of it but its value, which nothing shows."""

    name: str
    placeholder: str
    hosts: List[str]
    injection: SecretInjection
    on_violation: str
    passthrough_hosts: List[str]
    require_tls: bool

    _wire_names: ClassVar[Dict[str, str]] = {
        "on_violation": "onViolation",
        "passthrough_hosts": "passthroughHosts",
        "require_tls": "requireTls",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "injection": Ref("SecretInjection"),
    }


@dataclass(eq=False, repr=False)
class SecretInjection(Model):
    headers: bool
    basic_auth: bool
    query: bool
    body: bool

    _wire_names: ClassVar[Dict[str, str]] = {
        "basic_auth": "basicAuth",
    }


@dataclass(eq=False, repr=False)
class SecretInput(Model):
    name: str
    """Of the variable that has the placeholder in the guest from its next start on."""
    hosts: List[str]
    """
    To whom it goes, at least one. Names in lower case, `*.` and a name for one or more labels before it, `*` for any.
    """
    value: Optional[str] = None
    """1–65536 bytes. Left out: the one that it has."""
    placeholder: Optional[str] = None
    """1–1024 bytes. Default `__FASTVM_SECRET_<name>__`."""
    injection: Optional[SecretInputInjection] = None
    on_violation: Optional[str] = None
    """
    What becomes of a request with the placeholder to anybody else: it is refused; and told of as an event (default);
    and the VM is stopped.
    """
    passthrough_hosts: Optional[List[str]] = None
    """
    Who gets the placeholder as it is. Names in lower case, `*.` and a name for one or more labels before it, `*` for
    any.
    """
    require_tls: Optional[bool] = None
    """Not over plain HTTP. Default true."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "on_violation": "onViolation",
        "passthrough_hosts": "passthroughHosts",
        "require_tls": "requireTls",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "injection": Ref("SecretInputInjection"),
    }


@dataclass(eq=False, repr=False)
class SecretInputInjection(Model):
    headers: Optional[bool] = None
    """Default true."""
    basic_auth: Optional[bool] = None
    """Within `Authorization: Basic`. Default true."""
    query: Optional[bool] = None
    """Default false."""
    body: Optional[bool] = None
    """Over HTTP/1.1, up to 16 MiB with a length, not compressed. Default false."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "basic_auth": "basicAuth",
    }


@dataclass(eq=False, repr=False)
class Service(Model):
    name: str
    """1 to 29 characters: a-z, 0-9 and single hyphens inside."""
    port: int
    h2c: bool
    url: Optional[str] = None
    """Where it is reached by a host name of its own, without a key."""
    path_url: Optional[str] = None
    """The same by path, for places where that name does not resolve."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "path_url": "pathUrl",
    }


@dataclass(eq=False, repr=False)
class SetFileModeBody(Model):
    path: str
    """In the VM; relative to /root."""
    mode: str
    """Octal."""


@dataclass(eq=False, repr=False)
class SetRegistryLoginBody(Model):
    username: str
    password: str
    """Or a token of the registry's. Kept sealed, used for pulls of the organisation's own alone."""


@dataclass(eq=False, repr=False)
class SignalExecBody(Model):
    signal: Optional[str] = None
    """A name, as `SIGINT` or `INT`, or a number. Default `SIGTERM`."""


@dataclass(eq=False, repr=False)
class Signalled(Model):
    signalled: bool
    """False when it had ended."""


@dataclass(eq=False, repr=False)
class SkippedBucket(Model):
    mount_path: str
    bucket_uri: str
    reason: str

    _wire_names: ClassVar[Dict[str, str]] = {
        "mount_path": "mountPath",
        "bucket_uri": "bucketUri",
    }


@dataclass(eq=False, repr=False)
class SkippedVolume(Model):
    mount_path: str
    volume_id: str
    reason: str

    _wire_names: ClassVar[Dict[str, str]] = {
        "mount_path": "mountPath",
        "volume_id": "volumeId",
    }


@dataclass(eq=False, repr=False)
class Snapshot(Model):
    id: str
    """UUID."""
    name: str
    org_id: str
    vm_id: str
    """The VM it was taken of; that VM may be gone."""
    status: str
    created_at: datetime
    machine_name: str
    """What VMs restored from it get."""
    disk_gi_b: int
    metadata: Dict[str, str]
    """As the VM had it."""
    env_vars: Dict[str, str]
    """As the VM had it."""
    firewall: Union[FirewallPolicy, LegacyFirewallPolicy]
    services: List[SnapshotService]
    """As the VM had them."""
    status_reason: Optional[str] = None
    """Why it is in `error`."""
    volumes: Optional[List[VolumeMount]] = None
    """As the VM had them; absent where it had none."""
    bucket_mounts: Optional[List[CapturedBucket]] = None
    """As the VM had them; absent where it had none."""
    pause_ms: Optional[float] = None
    """How long the source stood still."""
    reclaimed_bytes: Optional[int] = None
    """In the answer to a call with `reclaim` alone: free memory that was left out. `null` where that could not be."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "org_id": "orgId",
        "vm_id": "vmId",
        "created_at": "createdAt",
        "machine_name": "machineName",
        "disk_gi_b": "diskGiB",
        "env_vars": "envVars",
        "status_reason": "statusReason",
        "bucket_mounts": "bucketMounts",
        "pause_ms": "pauseMs",
        "reclaimed_bytes": "reclaimedBytes",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "created_at": MOMENT,
        "firewall": OneOf(Ref("FirewallPolicy"), Ref("LegacyFirewallPolicy")),
        "services": Many(Ref("SnapshotService")),
        "volumes": Many(Ref("VolumeMount")),
        "bucket_mounts": Many(Ref("CapturedBucket")),
    }


@dataclass(eq=False, repr=False)
class SnapshotImport(Model):
    id: str
    """UUID. The same for `builds`."""
    status: str
    """`pending`, `running`, `succeeded`, `failed`, `cancelled`."""
    source: SnapshotImportSourceView
    cpu: int
    memory_mi_b: int
    disk_gi_b: int
    machine_name: str
    events: List[SnapshotImportEvent]
    created_at: datetime
    updated_at: datetime
    name: Optional[str] = None
    error: Optional[str] = None
    """Why it failed. At most 4 KiB."""
    snapshot_id: Optional[str] = None
    """When it has succeeded."""
    started_at: Optional[datetime] = None
    finished_at: Optional[datetime] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "memory_mi_b": "memoryMiB",
        "disk_gi_b": "diskGiB",
        "machine_name": "machineName",
        "created_at": "createdAt",
        "updated_at": "updatedAt",
        "snapshot_id": "snapshotId",
        "started_at": "startedAt",
        "finished_at": "finishedAt",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "source": Ref("SnapshotImportSourceView"),
        "events": Many(Ref("SnapshotImportEvent")),
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "started_at": MOMENT,
        "finished_at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class SnapshotImportBody(Model):
    source: SnapshotImportSource
    name: Optional[str] = None
    """Of the snapshot. Default: the build's id."""
    machine_type: Optional[str] = None
    """Of VMs launched from the snapshot. Default `c1m2`."""
    disk_gi_b: Optional[int] = None
    """Default 10."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "machine_type": "machineType",
        "disk_gi_b": "diskGiB",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "source": Ref("SnapshotImportSource"),
    }


@dataclass(eq=False, repr=False)
class SnapshotImportEvent(Model):
    phase: str
    """`preparing`, `fetch_context`, `pull`, `build`, `export`, `saving`, `warming`, `done`."""
    status: str
    """`started`, `completed`, `failed`, `skipped`, `cancelled`."""
    timestamp_ms: int
    message: Optional[str] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "timestamp_ms": "timestampMs",
    }


@dataclass(eq=False, repr=False)
class SnapshotImportSource(Model):
    type: str
    image: Optional[str] = None
    """image: its reference."""
    platform: Optional[str] = None
    """Only `linux/amd64`, which is the default."""
    context_ref: Optional[str] = None
    """dockerfile: as `context-presign` answered, after a ZIP or `tar.gz` was PUT. Good for one import."""
    dockerfile_path: Optional[str] = None
    """dockerfile: relative to the context, without `..`. Default `Dockerfile`."""
    target: Optional[str] = None
    """dockerfile: the stage to stop at. Default: the last one."""
    build_args: Optional[Dict[str, str]] = None
    """For `ARG`. At most 64, 8 KiB in all."""
    registry_username: Optional[str] = None
    """For this import alone; kept nowhere."""
    registry_password: Optional[str] = None
    """Goes with `registryUsername`."""
    registry_host: Optional[str] = None
    """Whose they are; required for them with a Dockerfile."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "context_ref": "contextRef",
        "dockerfile_path": "dockerfilePath",
        "build_args": "buildArgs",
        "registry_username": "registryUsername",
        "registry_password": "registryPassword",
        "registry_host": "registryHost",
    }


@dataclass(eq=False, repr=False)
class SnapshotImportSourceView(Model):
    """Without secrets."""

    type: str
    platform: str
    image: Optional[str] = None
    dockerfile_path: Optional[str] = None
    target: Optional[str] = None
    build_args: Optional[Dict[str, str]] = None
    """As they were asked for."""
    context_size_bytes: Optional[int] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "dockerfile_path": "dockerfilePath",
        "build_args": "buildArgs",
        "context_size_bytes": "contextSizeBytes",
    }


@dataclass(eq=False, repr=False)
class SnapshotService(Model):
    name: str
    """1 to 29 characters: a-z, 0-9 and single hyphens inside."""
    port: int
    h2c: bool


@dataclass(eq=False, repr=False)
class SshKey(Model):
    public_key: str
    """`<type> <base64>`, without its comment."""
    fingerprint: str
    """`SHA256:…`, as `ssh-keygen -lf` prints it; the key's id."""
    created_at: datetime
    name: Optional[str] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "public_key": "publicKey",
        "created_at": "createdAt",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "created_at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class SshKeyListResponse(Model):
    keys: List[SshKey]

    _shapes: ClassVar[Dict[str, Shape]] = {
        "keys": Many(Ref("SshKey")),
    }


@dataclass(eq=False, repr=False)
class StartBody(Model):
    force: Optional[bool] = None
    """Whether a disk that its host lost boots without the check that it has to pass otherwise."""


@dataclass(eq=False, repr=False)
class StartExecBody(Model):
    command: List[str]
    """argv, without a shell; the first element is looked up in PATH and must not be empty."""
    timeout_sec: Optional[int] = None
    """Default: none; the command lives as long as its connection."""
    env: Optional[Dict[str, str]] = None
    """Added to the VM's environment for this command."""
    cwd: Optional[str] = None
    """Default `/root`."""
    user: Optional[str] = None
    """Name or number; default root."""
    pty: Optional[TerminalSize] = None
    """A terminal of this size: stdin is open, stderr arrives as stdout."""
    keep_stdin: Optional[bool] = None
    """Whether stdin stays open to be written to. Default: it is empty."""
    keep_output_bytes: Optional[int] = None
    """How much of its newest output is kept; taken as a power of two. Default 1 MiB."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "timeout_sec": "timeoutSec",
        "keep_stdin": "keepStdin",
        "keep_output_bytes": "keepOutputBytes",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "pty": Ref("TerminalSize"),
    }


@dataclass(eq=False, repr=False)
class StopBody(Model):
    grace_sec: Optional[int] = None
    """How long its guest may take to power off before the power goes; 0: none. Default 30."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "grace_sec": "graceSec",
    }


@dataclass(eq=False, repr=False)
class TTL(Model):
    action: str
    seconds: int


@dataclass(eq=False, repr=False)
class TerminalSize(Model):
    """A terminal of this size: stdin is open, stderr arrives as stdout."""

    cols: int
    rows: int


@dataclass(eq=False, repr=False)
class Tls(Model):
    """How its connections are intercepted; absent where they are not."""

    ports: List[int]
    bypass: List[str]
    verify_upstream: bool
    block_quic: bool
    upstream_ca: List[str]
    scoped_upstream_ca: List[ScopedUpstreamCa]
    scoped_verify_upstream: List[ScopedVerifyUpstream]
    cache: TlsCache

    _wire_names: ClassVar[Dict[str, str]] = {
        "verify_upstream": "verifyUpstream",
        "block_quic": "blockQuic",
        "upstream_ca": "upstreamCa",
        "scoped_upstream_ca": "scopedUpstreamCa",
        "scoped_verify_upstream": "scopedVerifyUpstream",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "scoped_upstream_ca": Many(Ref("ScopedUpstreamCa")),
        "scoped_verify_upstream": Many(Ref("ScopedVerifyUpstream")),
        "cache": Ref("TlsCache"),
    }


@dataclass(eq=False, repr=False)
class TlsCache(Model):
    capacity: int
    """Default 1000."""
    validity_hours: int
    """Default 24."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "validity_hours": "validityHours",
    }


@dataclass(eq=False, repr=False)
class TlsInput(Model):
    enabled: Optional[bool] = None
    """Default true; false turns it off."""
    ports: Optional[List[int]] = None
    """TCP ports. Default 443."""
    bypass: Optional[List[str]] = None
    """
    Whose connections are not looked into. Names in lower case, `*.` and a name for one or more labels before it, `*`
    for any.
    """
    verify_upstream: Optional[bool] = None
    """Default true."""
    block_quic: Optional[bool] = None
    """Refuses UDP to these ports. Default true."""
    upstream_ca: Optional[List[str]] = None
    """Authorities of servers besides those that everybody knows; PEM."""
    scoped_upstream_ca: Optional[List[ScopedUpstreamCa]] = None
    scoped_verify_upstream: Optional[List[ScopedVerifyUpstream]] = None
    cache: Optional[TlsCache] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "verify_upstream": "verifyUpstream",
        "block_quic": "blockQuic",
        "upstream_ca": "upstreamCa",
        "scoped_upstream_ca": "scopedUpstreamCa",
        "scoped_verify_upstream": "scopedVerifyUpstream",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "scoped_upstream_ca": Many(Ref("ScopedUpstreamCa")),
        "scoped_verify_upstream": Many(Ref("ScopedVerifyUpstream")),
        "cache": Ref("TlsCache"),
    }


@dataclass(eq=False, repr=False)
class TmpfsMount(Model):
    """Files in the VM's own memory, gone with it."""

    size_mi_b: Optional[int] = None
    """Default: half of the VM's memory."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "size_mi_b": "sizeMiB",
    }


@dataclass(eq=False, repr=False)
class UpdateServiceBody(Model):
    port: int
    h2c: Optional[bool] = None
    """The proxy speaks cleartext HTTP/2 to the VM; gRPC needs it."""


@dataclass(eq=False, repr=False)
class UpdateSnapshotBody(Model):
    name: Optional[str] = None
    """Trimmed, white space collapsed, cut to 64 characters."""


@dataclass(eq=False, repr=False)
class UpdateVMBody(Model):
    name: Optional[str] = None
    """Trimmed, white space collapsed, cut to 64 characters."""
    metadata: Optional[Dict[str, str]] = None
    """≤ 256 keys of 1–256 bytes, values ≤ 4096 bytes, ≤ 65536 bytes as JSON."""
    ttl: Optional[TTL] = None
    max_life: Optional[MaxLife] = None
    """
    How long it lives from when it was made, running or not. A VM that is started after that begins anew; `delete`
    strikes paused and stopped ones, too.
    """
    idle: Optional[IdlePolicy] = None
    """
    How long it may run unused. Use is what comes from outside: commands, consoles, files, requests to its services,
    SSH.
    """
    auto_resume: Optional[bool] = None
    """Whether requests to the VM's services wake it when it is paused."""
    restart_policy: Optional[str] = None
    """
    When it starts by itself: after a power loss, shutdown or failure of its host, or `always` also after its guest
    powered off; never after it was told to stop. Default `never`, or the snapshot's.
    """
    tls: Optional[TlsInput] = None
    secrets: Optional[List[SecretInput]] = None
    """All that it has from then on, at most 100."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "max_life": "maxLife",
        "auto_resume": "autoResume",
        "restart_policy": "restartPolicy",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "ttl": Ref("TTL"),
        "max_life": Ref("MaxLife"),
        "idle": Ref("IdlePolicy"),
        "tls": Ref("TlsInput"),
        "secrets": Many(Ref("SecretInput")),
    }


@dataclass(eq=False, repr=False)
class UpdateVolumeBody(Model):
    name: Optional[str] = None
    """Trimmed, white space collapsed, cut to 64 characters; unique in the organisation."""
    size_gi_b: Optional[int] = None
    """Only larger; VMs that have it see it at once."""
    access_mode: Optional[str] = None
    """`ro`: no VM writes to it."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "size_gi_b": "sizeGiB",
        "access_mode": "accessMode",
    }


@dataclass(eq=False, repr=False)
class UpdateWebhookBody(Model):
    url: Optional[str] = None
    """http or https. It is asked by POST; redirections are not followed."""
    types: Optional[List[str]] = None
    """Such as `vm.pause_succeeded`: of these it is told. Default, and if it is empty: of all."""
    secret: Optional[str] = None
    """In place of the one before."""
    enabled: Optional[bool] = None
    """Of what happens while it is not, it is never told."""


@dataclass(eq=False, repr=False)
class VM(Model):
    id: str
    """UUID."""
    name: str
    org_id: str
    machine_name: str
    """For example `c1m2`."""
    cpu: int
    """vCPUs."""
    memory_mi_b: int
    disk_gi_b: int
    status: str
    created_at: datetime
    metadata: Dict[str, str]
    """Free-form labels."""
    env_vars: Dict[str, str]
    """Environment of every command run in the VM."""
    firewall: Union[FirewallPolicy, LegacyFirewallPolicy]
    effective_firewall: Union[FirewallPolicy, LegacyFirewallPolicy]
    """The policy with one rule for each service."""
    auto_resume: bool
    """Whether requests to its services wake it when it is paused."""
    deleted_at: Optional[datetime] = None
    status_reason: Optional[str] = None
    """Why the VM is in `error` or `stopped`, or was paused by itself, or what it waits for."""
    source_name: Optional[str] = None
    """Name of the snapshot or VM it was made from."""
    source_snapshot_id: Optional[str] = None
    """The snapshot it was restored from."""
    source_vm_id: Optional[str] = None
    """The VM it was forked from."""
    public_ipv6: Optional[str] = None
    """Its own address, for its whole life; absent where VMs have no network."""
    ttl: Optional[TTL] = None
    expires_at_ms: Optional[int] = None
    """While it runs: when its time is over, in ms since 1970."""
    ttl_remaining_ms: Optional[int] = None
    """While it is paused or stopped: what is left of its time, in ms."""
    max_life: Optional[MaxLife] = None
    """
    How long it lives from when it was made, running or not. A VM that is started after that begins anew; `delete`
    strikes paused and stopped ones, too.
    """
    life_ends_at_ms: Optional[int] = None
    """With `maxLife`: when its life is over, in ms since 1970."""
    idle: Optional[IdlePolicy] = None
    """
    How long it may run unused. Use is what comes from outside: commands, consoles, files, requests to its services,
    SSH.
    """
    idle_ends_at_ms: Optional[int] = None
    """With `idle`, while it runs: when it is over unless somebody uses it, in ms since 1970."""
    durability: Optional[str] = None
    """`strict`: what its guest has flushed is there after a power loss of the host."""
    restart_policy: Optional[str] = None
    """When it starts by itself after it ended without having been told to."""
    tls: Optional[Tls] = None
    secrets: Optional[List[Secret]] = None
    """Absent where it has none."""
    paused_at: Optional[datetime] = None
    volumes: Optional[List[VmVolume]] = None
    """Absent where it has none."""
    bucket_mounts: Optional[List[BucketMount]] = None
    """Absent where it has none."""
    attachment_warnings: Optional[AttachmentWarnings] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "org_id": "orgId",
        "machine_name": "machineName",
        "memory_mi_b": "memoryMiB",
        "disk_gi_b": "diskGiB",
        "created_at": "createdAt",
        "env_vars": "envVars",
        "effective_firewall": "effectiveFirewall",
        "auto_resume": "autoResume",
        "deleted_at": "deletedAt",
        "status_reason": "statusReason",
        "source_name": "sourceName",
        "source_snapshot_id": "sourceSnapshotId",
        "source_vm_id": "sourceVmId",
        "public_ipv6": "publicIpv6",
        "expires_at_ms": "expiresAtMs",
        "ttl_remaining_ms": "ttlRemainingMs",
        "max_life": "maxLife",
        "life_ends_at_ms": "lifeEndsAtMs",
        "idle_ends_at_ms": "idleEndsAtMs",
        "restart_policy": "restartPolicy",
        "paused_at": "pausedAt",
        "bucket_mounts": "bucketMounts",
        "attachment_warnings": "attachmentWarnings",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "created_at": MOMENT,
        "firewall": OneOf(Ref("FirewallPolicy"), Ref("LegacyFirewallPolicy")),
        "effective_firewall": OneOf(Ref("FirewallPolicy"), Ref("LegacyFirewallPolicy")),
        "deleted_at": MOMENT,
        "ttl": Ref("TTL"),
        "max_life": Ref("MaxLife"),
        "idle": Ref("IdlePolicy"),
        "tls": Ref("Tls"),
        "secrets": Many(Ref("Secret")),
        "paused_at": MOMENT,
        "volumes": Many(Ref("VmVolume")),
        "bucket_mounts": Many(Ref("BucketMount")),
        "attachment_warnings": Ref("AttachmentWarnings"),
    }


@dataclass(eq=False, repr=False)
class VMLogs(Model):
    console: str
    """
    The last 64 KiB that the guest wrote to its serial console: its kernel's warnings, and what is sent to
    /dev/console. Bytes that are not UTF-8 are replaced.
    """
    hypervisor: str
    """The last 64 KiB that QEMU wrote; nothing when all is well."""


@dataclass(eq=False, repr=False)
class VMMetrics(Model):
    interval_ms: int
    """Between two samples of a VM that runs; one that does not has none."""
    samples: List[VMSample]
    """Oldest first."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "interval_ms": "intervalMs",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "samples": Many(Ref("VMSample")),
    }


@dataclass(eq=False, repr=False)
class VMSample(Model):
    at: datetime
    cpu_percent: float
    """Since the sample before: 100 is one of the host's processors at full use."""
    cpu_seconds: float
    """Processor time that its process has used in its present life."""
    memory_bytes: VMSampleMemoryBytes
    disk_bytes: int
    """What layers of its disk take that nothing else shares."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "cpu_percent": "cpuPercent",
        "cpu_seconds": "cpuSeconds",
        "memory_bytes": "memoryBytes",
        "disk_bytes": "diskBytes",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "at": MOMENT,
        "memory_bytes": Ref("VMSampleMemoryBytes"),
    }


@dataclass(eq=False, repr=False)
class VMSampleMemoryBytes(Model):
    resident: int
    """What its process takes, with what VMs share in full."""
    own: int
    """Of it, what is in no file, as its template's memory is."""


@dataclass(eq=False, repr=False)
class VMStats(Model):
    status: str
    uptime_ms: int
    """Since it was launched, restored or resumed last; 0 while it does not run."""
    cpu_seconds: float
    """Processor time that its process has used; 0 while it does not run."""
    cpu_percent: float
    """Just now: 100 is one of the host's processors at full use."""
    memory_mi_b: VMStatsMemoryMiB
    disk_bytes: VMStatsDiskBytes
    network: Optional[VMStatsNetwork] = None
    """
    Since its present life began, while it runs and has a network. `sent` left the guest; `dropped` is what its policy,
    or a rule for all VMs, stopped.
    """

    _wire_names: ClassVar[Dict[str, str]] = {
        "uptime_ms": "uptimeMs",
        "cpu_seconds": "cpuSeconds",
        "cpu_percent": "cpuPercent",
        "memory_mi_b": "memoryMiB",
        "disk_bytes": "diskBytes",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "memory_mi_b": Ref("VMStatsMemoryMiB"),
        "disk_bytes": Ref("VMStatsDiskBytes"),
        "network": Ref("VMStatsNetwork"),
    }


@dataclass(eq=False, repr=False)
class VMStatsDiskBytes(Model):
    limit: int
    """The size of its disk."""
    used: int
    """What the layers of its disk take of the host's."""
    own: int
    """Of these, what no other VM, snapshot or template shares."""


@dataclass(eq=False, repr=False)
class VMStatsMemoryMiB(Model):
    limit: int
    """What the guest has."""
    resident: float
    """What it takes of the host's memory; pages that VMs share count in parts. 0 while it does not run."""
    own: Optional[float] = None
    """What no other process has of it; 0 while it does not run."""


@dataclass(eq=False, repr=False)
class VMStatsNetwork(Model):
    """
    Since its present life began, while it runs and has a network. `sent` left the guest; `dropped` is what its policy,
    or a rule for all VMs, stopped.
    """

    sent: FirewallHits
    received: FirewallHits
    dropped: FirewallHits

    _shapes: ClassVar[Dict[str, Shape]] = {
        "sent": Ref("FirewallHits"),
        "received": Ref("FirewallHits"),
        "dropped": Ref("FirewallHits"),
    }


@dataclass(eq=False, repr=False)
class VmVolume(Model):
    volume_id: str
    """Of what is no volume: its own id, by which it is detached."""
    mount_path: str
    """Where the VM sees it: a folder beneath `/mnt/` or `/data/`."""
    mount_status: str
    """`pending`: the VM does not run."""
    read_only: Optional[bool] = None
    """Whether the host refuses the VM's writes."""
    status_message: Optional[str] = None
    """Why it is not mounted."""
    tmpfs: Optional[TmpfsMount] = None
    """Files in the VM's own memory, gone with it."""
    host: Optional[HostMount] = None
    """A folder or a file of the host."""
    image: Optional[ImageMount] = None
    """A disk in a file of the host: with `readOnly` as it is, else a copy of the VM's own."""
    noexec: Optional[bool] = None
    """Nothing of it is executed. Default false."""
    nosuid: Optional[bool] = None
    """Nothing of it lends rights. Default false; of a volume always."""
    nodev: Optional[bool] = None
    """Nothing of it is a device. Default false; of a volume always."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "volume_id": "volumeId",
        "mount_path": "mountPath",
        "mount_status": "mountStatus",
        "read_only": "readOnly",
        "status_message": "statusMessage",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "tmpfs": Ref("TmpfsMount"),
        "host": Ref("HostMount"),
        "image": Ref("ImageMount"),
    }


@dataclass(eq=False, repr=False)
class Volume(Model):
    id: str
    """UUID."""
    name: str
    org_id: str
    kind: str
    """`directory`: files that several VMs share. `disk`: a disk for one VM at a time."""
    size_gi_b: int
    """Reserved on the host: what it may hold it can hold."""
    access_mode: str
    """`ro`: no VM writes to it."""
    status: str
    mounted_count: int
    """Running VMs that have it."""
    created_at: datetime
    status_reason: Optional[str] = None
    """Why it is in `error`."""
    pending_size_gi_b: Optional[int] = None
    """While it grows: to what."""
    used_gi_b: Optional[float] = None
    """What its files take, to the hundredth."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "org_id": "orgId",
        "size_gi_b": "sizeGiB",
        "access_mode": "accessMode",
        "mounted_count": "mountedCount",
        "created_at": "createdAt",
        "status_reason": "statusReason",
        "pending_size_gi_b": "pendingSizeGiB",
        "used_gi_b": "usedGiB",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "created_at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class VolumeAttachment(Model):
    vm_id: str
    volume_id: str
    """Of what is no volume: its own id, by which it is detached."""
    mount_path: str
    """Where the VM sees it: a folder beneath `/mnt/` or `/data/`."""
    mount_status: str
    """`pending`: the VM does not run."""
    read_only: Optional[bool] = None
    """Whether the host refuses the VM's writes."""
    status_message: Optional[str] = None
    """Why it is not mounted."""
    tmpfs: Optional[TmpfsMount] = None
    """Files in the VM's own memory, gone with it."""
    host: Optional[HostMount] = None
    """A folder or a file of the host."""
    image: Optional[ImageMount] = None
    """A disk in a file of the host: with `readOnly` as it is, else a copy of the VM's own."""
    noexec: Optional[bool] = None
    """Nothing of it is executed. Default false."""
    nosuid: Optional[bool] = None
    """Nothing of it lends rights. Default false; of a volume always."""
    nodev: Optional[bool] = None
    """Nothing of it is a device. Default false; of a volume always."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "vm_id": "vmId",
        "volume_id": "volumeId",
        "mount_path": "mountPath",
        "mount_status": "mountStatus",
        "read_only": "readOnly",
        "status_message": "statusMessage",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "tmpfs": Ref("TmpfsMount"),
        "host": Ref("HostMount"),
        "image": Ref("ImageMount"),
    }


@dataclass(eq=False, repr=False)
class VolumeMount(Model):
    volume_id: str
    mount_path: str
    """Where the VM sees it: a folder beneath `/mnt/` or `/data/`."""
    read_only: Optional[bool] = None
    tmpfs: Optional[TmpfsMount] = None
    """Files in the VM's own memory, gone with it."""
    host: Optional[HostMount] = None
    """A folder or a file of the host."""
    image: Optional[ImageMount] = None
    """A disk in a file of the host: with `readOnly` as it is, else a copy of the VM's own."""
    noexec: Optional[bool] = None
    """Nothing of it is executed. Default false."""
    nosuid: Optional[bool] = None
    """Nothing of it lends rights. Default false; of a volume always."""
    nodev: Optional[bool] = None
    """Nothing of it is a device. Default false; of a volume always."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "volume_id": "volumeId",
        "mount_path": "mountPath",
        "read_only": "readOnly",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "tmpfs": Ref("TmpfsMount"),
        "host": Ref("HostMount"),
        "image": Ref("ImageMount"),
    }


@dataclass(eq=False, repr=False)
class Webhook(Model):
    """Without its secret."""

    id: str
    url: str
    types: List[str]
    """Empty: all."""
    enabled: bool
    created_at: datetime
    updated_at: datetime

    _wire_names: ClassVar[Dict[str, str]] = {
        "created_at": "createdAt",
        "updated_at": "updatedAt",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "created_at": MOMENT,
        "updated_at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class WebhookAttempt(Model):
    at: datetime
    took_ms: int
    status: Optional[int] = None
    """Absent: no answer came."""
    error: Optional[str] = None
    """Absent: it was taken."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "took_ms": "tookMs",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class WebhookDelivery(Model):
    id: str
    """The same in each attempt."""
    webhook_id: str
    status: str
    """`dead_letter`: it was given up; it can be replayed."""
    event: Event
    attempts: List[WebhookAttempt]
    """The latest, oldest first."""
    created_at: datetime
    next_attempt_at: Optional[datetime] = None
    """Not before; absent of one that is finished."""
    finished_at: Optional[datetime] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "webhook_id": "webhookId",
        "created_at": "createdAt",
        "next_attempt_at": "nextAttemptAt",
        "finished_at": "finishedAt",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "event": Ref("Event"),
        "attempts": Many(Ref("WebhookAttempt")),
        "created_at": MOMENT,
        "next_attempt_at": MOMENT,
        "finished_at": MOMENT,
    }


@dataclass(eq=False, repr=False)
class WebhookDeliveryPage(Model):
    deliveries: List[WebhookDelivery]
    has_more: bool

    _wire_names: ClassVar[Dict[str, str]] = {
        "has_more": "hasMore",
    }

    _shapes: ClassVar[Dict[str, Shape]] = {
        "deliveries": Many(Ref("WebhookDelivery")),
    }


@dataclass(eq=False, repr=False)
class WriteStdinBody(Model):
    data: Optional[str] = None
    """Base64."""
    close: Optional[bool] = None
    """Close stdin behind it; on a terminal, type its end. Default false."""
