"""The API's operations: how each is called, and what is read from its answer."""

from __future__ import annotations

from typing import Any, Dict

from .._model import Many, Ref
from .._route import Route
from .models import (
    CommandResult,
    CompletedUpload,
    Egress,
    HostInfo,
    LifecycleEventList,
    MachineFile,
    MachineFileList,
    MachineInfo,
    MachineLease,
    MachineSnapshot,
    MachineUpload,
    MachineUploadList,
    PreviewGrantList,
    PreviewProxyTarget,
    PreviewReadiness,
    ReplaceResult,
    SearchResult,
    PreviewUrl,
    ProcessLogs,
    SshAccess,
    TransferUrl,
    UploadPart,
    VolumeAttachmentInfo,
    VolumeAttachmentInfoList,
    VolumeHealth,
    VolumeInfo,
    VolumeInfoList,
)

MACHINE = "/v1/machines/{machineId}"
PROCESS = f"{MACHINE}/processes/{{pid}}"
FILES = f"{MACHINE}/files"
PORT = f"{MACHINE}/ports/{{port}}"
SNAPSHOT = "/v1/snapshots/{snapshotId}"

CREATE_MACHINE: Route[MachineInfo] = Route("POST", "/v1/machines", answer=Ref("MachineInfo"))
# A bare list or a page.
LIST_MACHINES: Route[Any] = Route("GET", "/v1/machines")
GET_MACHINE: Route[MachineInfo] = Route("GET", MACHINE, answer=Ref("MachineInfo"))
GET_MACHINE_FIELDS: Route[Dict[str, Any]] = Route("GET", MACHINE)
DESTROY_MACHINE: Route[Any] = Route("DELETE", MACHINE)
SET_TIMEOUT: Route[MachineLease] = Route("POST", f"{MACHINE}/timeout", answer=Ref("MachineLease"))
HIBERNATE: Route[MachineSnapshot] = Route("POST", f"{MACHINE}/hibernate", answer=Ref("MachineSnapshot"))
PAUSE: Route[MachineSnapshot] = Route("POST", f"{MACHINE}/pause", answer=Ref("MachineSnapshot"))
RESUME: Route[MachineInfo] = Route("POST", f"{MACHINE}/resume", answer=Ref("MachineInfo"))
FORK: Route[MachineInfo] = Route("POST", f"{MACHINE}/fork", answer=Ref("MachineInfo"))
SET_EGRESS: Route[Egress] = Route("PATCH", f"{MACHINE}/egress", answer=Ref("Egress"))

CREATE_SNAPSHOT: Route[MachineSnapshot] = Route("POST", f"{MACHINE}/snapshots", answer=Ref("MachineSnapshot"))
LIST_SNAPSHOTS: Route[Any] = Route("GET", "/v1/snapshots")
SNAPSHOTS = Many(Ref("MachineSnapshot"))
GET_SNAPSHOT: Route[MachineSnapshot] = Route("GET", SNAPSHOT, answer=Ref("MachineSnapshot"))
DELETE_SNAPSHOT: Route[Any] = Route("DELETE", SNAPSHOT)

MACHINE_LIFECYCLE: Route[LifecycleEventList] = Route("GET", f"{MACHINE}/lifecycle", answer=Ref("LifecycleEventList"))
LIFECYCLE: Route[LifecycleEventList] = Route("GET", "/v1/lifecycle", answer=Ref("LifecycleEventList"))

EXEC: Route[CommandResult] = Route("POST", f"{MACHINE}/exec", answer=Ref("CommandResult"))
LIST_PROCESSES: Route[Any] = Route("GET", f"{MACHINE}/processes")
PROCESSES = Many(Ref("ProcessInfo"))
PROCESS_LOGS: Route[ProcessLogs] = Route("GET", f"{PROCESS}/logs", answer=Ref("ProcessLogs"))
PROCESS_STDIN: Route[Dict[str, Any]] = Route("POST", f"{PROCESS}/stdin")
KILL_PROCESS: Route[Dict[str, Any]] = Route("POST", f"{PROCESS}/kill")
LIST_PTYS: Route[Any] = Route("GET", f"{MACHINE}/pty")
RESIZE_PTY: Route[Any] = Route("POST", f"{MACHINE}/pty/{{sessionId}}/resize")
KILL_PTY: Route[Dict[str, Any]] = Route("POST", f"{MACHINE}/pty/{{sessionId}}/kill")
METRICS: Route[Any] = Route("GET", f"{MACHINE}/metrics")

LIST_FILES: Route[MachineFileList] = Route("GET", FILES, answer=Ref("MachineFileList"))
REMOVE_FILE: Route[Any] = Route("DELETE", FILES)
FILE_INFO: Route[MachineFile] = Route("GET", f"{FILES}/info", answer=Ref("MachineFile"))
READ_FILE: Route[None] = Route("GET", f"{FILES}/content")
WRITE_FILE: Route[MachineFile] = Route("PUT", f"{FILES}/content", answer=Ref("MachineFile"))
MAKE_DIR: Route[MachineFile] = Route("POST", f"{FILES}/mkdir", answer=Ref("MachineFile"))
RENAME_FILE: Route[MachineFile] = Route("POST", f"{FILES}/rename", answer=Ref("MachineFile"))
SET_PERMISSIONS: Route[MachineFile] = Route("POST", f"{FILES}/permissions", answer=Ref("MachineFile"))

UPLOADS = f"{MACHINE}/uploads"
UPLOAD = f"{UPLOADS}/{{uploadId}}"
CREATE_UPLOAD: Route[MachineUpload] = Route("POST", UPLOADS, answer=Ref("MachineUpload"))
LIST_UPLOADS: Route[MachineUploadList] = Route("GET", UPLOADS, answer=Ref("MachineUploadList"))
GET_UPLOAD: Route[MachineUpload] = Route("GET", UPLOAD, answer=Ref("MachineUpload"))
PUT_PART: Route[UploadPart] = Route("PUT", f"{UPLOAD}/parts/{{part}}", answer=Ref("UploadPart"))
COMPLETE_UPLOAD: Route[CompletedUpload] = Route("POST", f"{UPLOAD}/complete", answer=Ref("CompletedUpload"))
ABORT_UPLOAD: Route[Any] = Route("DELETE", UPLOAD)
SEARCH_FILES: Route[SearchResult] = Route("POST", f"{FILES}/search", answer=Ref("SearchResult"))
REPLACE_IN_FILES: Route[ReplaceResult] = Route("POST", f"{FILES}/replace", answer=Ref("ReplaceResult"))
UPLOAD_URL: Route[TransferUrl] = Route("POST", f"{FILES}/upload-url", answer=Ref("TransferUrl"))
DOWNLOAD_URL: Route[TransferUrl] = Route("POST", f"{FILES}/download-url", answer=Ref("TransferUrl"))
SSH_ACCESS: Route[SshAccess] = Route("POST", f"{MACHINE}/ssh-access", answer=Ref("SshAccess"))

GET_HOST: Route[HostInfo] = Route("POST", f"{MACHINE}/host", answer=Ref("HostInfo"))
GET_PREVIEW_URL: Route[PreviewUrl] = Route("GET", f"{PORT}/signed-preview-url", answer=Ref("PreviewUrl"))
CREATE_PREVIEW_URL: Route[PreviewUrl] = Route("POST", f"{PORT}/signed-preview-url", answer=Ref("PreviewUrl"))
CREATE_PROXY_TARGET: Route[PreviewProxyTarget] = Route(
    "POST", f"{PORT}/preview-proxy-target", answer=Ref("PreviewProxyTarget")
)
CHECK_READINESS: Route[PreviewReadiness] = Route("POST", f"{PORT}/readiness", answer=Ref("PreviewReadiness"))
LIST_PREVIEW_URLS: Route[PreviewGrantList] = Route("GET", f"{MACHINE}/preview-urls", answer=Ref("PreviewGrantList"))
REVOKE_PREVIEW_URL: Route[Dict[str, Any]] = Route("DELETE", f"{MACHINE}/preview-urls/{{grantId}}")

VOLUME = "/v1/volumes/{volumeId}"
VOLUME_FILES = f"{VOLUME}/files"
ATTACHMENT = f"{MACHINE}/volumes/{{attachmentId}}"
CREATE_VOLUME: Route[VolumeInfo] = Route("POST", "/v1/volumes", answer=Ref("VolumeInfo"))
LIST_VOLUMES: Route[VolumeInfoList] = Route("GET", "/v1/volumes", answer=Ref("VolumeInfoList"))
GET_VOLUME: Route[VolumeInfo] = Route("GET", VOLUME, answer=Ref("VolumeInfo"))
DELETE_VOLUME: Route[Any] = Route("DELETE", VOLUME)
VOLUME_ATTACHMENTS: Route[VolumeAttachmentInfoList] = Route(
    "GET", f"{VOLUME}/attachments", answer=Ref("VolumeAttachmentInfoList")
)
LIST_VOLUME_FILES: Route[MachineFileList] = Route("GET", VOLUME_FILES, answer=Ref("MachineFileList"))
REMOVE_VOLUME_FILE: Route[Any] = Route("DELETE", VOLUME_FILES)
VOLUME_FILE_INFO: Route[MachineFile] = Route("GET", f"{VOLUME_FILES}/info", answer=Ref("MachineFile"))
READ_VOLUME_FILE: Route[None] = Route("GET", f"{VOLUME_FILES}/content")
WRITE_VOLUME_FILE: Route[MachineFile] = Route("PUT", f"{VOLUME_FILES}/content", answer=Ref("MachineFile"))
MAKE_VOLUME_DIR: Route[MachineFile] = Route("POST", f"{VOLUME_FILES}/mkdir", answer=Ref("MachineFile"))
RENAME_VOLUME_FILE: Route[MachineFile] = Route("POST", f"{VOLUME_FILES}/rename", answer=Ref("MachineFile"))
SET_VOLUME_FILE_PERMISSIONS: Route[MachineFile] = Route("POST", f"{VOLUME_FILES}/permissions", answer=Ref("MachineFile"))
ATTACH_VOLUME: Route[VolumeAttachmentInfo] = Route("POST", f"{MACHINE}/volumes", answer=Ref("VolumeAttachmentInfo"))
MACHINE_VOLUMES: Route[VolumeAttachmentInfoList] = Route("GET", f"{MACHINE}/volumes", answer=Ref("VolumeAttachmentInfoList"))
VOLUME_HEALTH: Route[VolumeHealth] = Route("GET", f"{ATTACHMENT}/health", answer=Ref("VolumeHealth"))
REMOUNT_VOLUME: Route[VolumeAttachmentInfo] = Route("POST", f"{ATTACHMENT}/remount", answer=Ref("VolumeAttachmentInfo"))
DETACH_VOLUME: Route[Any] = Route("DELETE", ATTACHMENT)
