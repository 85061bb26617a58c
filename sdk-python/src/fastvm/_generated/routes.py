"""Made by tools/generate.py from packages/contract/src/api/fastvm/openapi.json; not to be edited."""

from __future__ import annotations

from typing import List

from .._model import Many, OneOf, Ref
from .._route import Route
from .models import (
    AuditPage,
    BackgroundExec,
    BucketMount,
    BuildLog,
    BuildResponse,
    ConsoleTokenResponse,
    ContextPresign,
    DeleteResponse,
    Detachment,
    DiskUsage,
    EventPage,
    ExecOutput,
    ExecVMResponse,
    FileInfo,
    FileList,
    FilePresignResponse,
    FirewallReport,
    ForkResult,
    HealthResponse,
    Image,
    ImageDetails,
    ImagePull,
    Key,
    NewKey,
    NewWebhook,
    OrgQuotaUsage,
    RegistryLogin,
    Replayed,
    Service,
    Signalled,
    Snapshot,
    SnapshotImport,
    SshKey,
    SshKeyListResponse,
    VM,
    VMLogs,
    VMMetrics,
    VMStats,
    VmVolume,
    Volume,
    VolumeAttachment,
    Webhook,
    WebhookDelivery,
    WebhookDeliveryPage,
)

HEALTHZ: Route[HealthResponse] = Route("GET", "/healthz", answer=Ref("HealthResponse"))
LIVEZ: Route[HealthResponse] = Route("GET", "/livez", answer=Ref("HealthResponse"))
READYZ: Route[HealthResponse] = Route("GET", "/readyz", answer=Ref("HealthResponse"))
LIST_VMS: Route[List[VM]] = Route("GET", "/v1/vms", answer=Many(Ref("VM")))
LAUNCH_VM: Route[VM] = Route("POST", "/v1/vms", answer=Ref("VM"), body=Ref("LaunchBody"))
GET_VM: Route[VM] = Route("GET", "/v1/vms/{vmId}", answer=Ref("VM"))
UPDATE_VM: Route[VM] = Route("PATCH", "/v1/vms/{vmId}", answer=Ref("VM"), body=Ref("UpdateVMBody"))
DELETE_VM: Route[DeleteResponse] = Route("DELETE", "/v1/vms/{vmId}", answer=Ref("DeleteResponse"))
GET_VM_STATS: Route[VMStats] = Route("GET", "/v1/vms/{vmId}/stats", answer=Ref("VMStats"))
GET_VM_METRICS: Route[VMMetrics] = Route("GET", "/v1/vms/{vmId}/metrics", answer=Ref("VMMetrics"))
GET_VM_LOGS: Route[VMLogs] = Route("GET", "/v1/vms/{vmId}/logs", answer=Ref("VMLogs"))
PAUSE_VM: Route[VM] = Route("POST", "/v1/vms/{vmId}/pause", answer=Ref("VM"))
RESUME_VM: Route[VM] = Route("POST", "/v1/vms/{vmId}/resume", answer=Ref("VM"))
STOP_VM: Route[VM] = Route("POST", "/v1/vms/{vmId}/stop", answer=Ref("VM"), body=Ref("StopBody"))
START_VM: Route[VM] = Route("POST", "/v1/vms/{vmId}/start", answer=Ref("VM"), body=Ref("StartBody"))
RESTART_VM: Route[VM] = Route("POST", "/v1/vms/{vmId}/restart", answer=Ref("VM"), body=Ref("StopBody"))
REFRESH_VM_TTL: Route[VM] = Route("POST", "/v1/vms/{vmId}/ttl/refresh", answer=Ref("VM"))
FORK_VM: Route[ForkResult] = Route("POST", "/v1/vms/{vmId}/fork", answer=Ref("ForkResult"), body=Ref("ForkBody"))
EXEC_IN_VM: Route[ExecVMResponse] = Route(
    "POST", "/v1/vms/{vmId}/exec", answer=Ref("ExecVMResponse"), body=Ref("ExecBody")
)
START_EXEC: Route[BackgroundExec] = Route(
    "POST", "/v1/vms/{vmId}/execs", answer=Ref("BackgroundExec"), body=Ref("StartExecBody")
)
LIST_EXECS: Route[List[BackgroundExec]] = Route("GET", "/v1/vms/{vmId}/execs", answer=Many(Ref("BackgroundExec")))
GET_EXEC: Route[BackgroundExec] = Route("GET", "/v1/vms/{vmId}/execs/{execId}", answer=Ref("BackgroundExec"))
DELETE_EXEC: Route[DeleteResponse] = Route("DELETE", "/v1/vms/{vmId}/execs/{execId}", answer=Ref("DeleteResponse"))
GET_EXEC_OUTPUT: Route[ExecOutput] = Route("GET", "/v1/vms/{vmId}/execs/{execId}/output", answer=Ref("ExecOutput"))
WRITE_EXEC_STDIN: Route[None] = Route("POST", "/v1/vms/{vmId}/execs/{execId}/stdin", body=Ref("WriteStdinBody"))
SIGNAL_EXEC: Route[Signalled] = Route(
    "POST", "/v1/vms/{vmId}/execs/{execId}/signal", answer=Ref("Signalled"), body=Ref("SignalExecBody")
)
RESIZE_EXEC: Route[None] = Route("POST", "/v1/vms/{vmId}/execs/{execId}/resize", body=Ref("ResizeExecBody"))
PRESIGN_FILE: Route[FilePresignResponse] = Route(
    "POST", "/v1/vms/{vmId}/files/presign", answer=Ref("FilePresignResponse"), body=Ref("FilePresignBody")
)
FETCH_FILE: Route[ExecVMResponse] = Route(
    "POST", "/v1/vms/{vmId}/files/fetch", answer=Ref("ExecVMResponse"), body=Ref("FileFetchBody")
)
LIST_FILES: Route[FileList] = Route("GET", "/v1/vms/{vmId}/files", answer=Ref("FileList"))
STAT_FILE: Route[FileInfo] = Route("GET", "/v1/vms/{vmId}/files/stat", answer=Ref("FileInfo"))
READ_FILE: Route[None] = Route("GET", "/v1/vms/{vmId}/files/content")
WRITE_FILE: Route[FileInfo] = Route("PUT", "/v1/vms/{vmId}/files/content", answer=Ref("FileInfo"))
MAKE_DIR: Route[FileInfo] = Route(
    "POST", "/v1/vms/{vmId}/files/make-dir", answer=Ref("FileInfo"), body=Ref("MakeDirBody")
)
REMOVE_FILE: Route[None] = Route("POST", "/v1/vms/{vmId}/files/remove", body=Ref("RemoveFileBody"))
RENAME_FILE: Route[FileInfo] = Route(
    "POST", "/v1/vms/{vmId}/files/rename", answer=Ref("FileInfo"), body=Ref("RenameFileBody")
)
SET_FILE_MODE: Route[FileInfo] = Route(
    "POST", "/v1/vms/{vmId}/files/set-mode", answer=Ref("FileInfo"), body=Ref("SetFileModeBody")
)
WATCH_FILES: Route[None] = Route("GET", "/v1/vms/{vmId}/files/watch")
CREATE_CONSOLE_TOKEN: Route[ConsoleTokenResponse] = Route(
    "POST", "/v1/vms/{vmId}/console-token", answer=Ref("ConsoleTokenResponse")
)
GET_VM_FIREWALL: Route[FirewallReport] = Route("GET", "/v1/vms/{vmId}/firewall", answer=Ref("FirewallReport"))
SET_VM_FIREWALL: Route[VM] = Route(
    "PUT", "/v1/vms/{vmId}/firewall", answer=Ref("VM"), body=OneOf(Ref("FirewallPolicy"), Ref("EgressModeFirewall"), Ref("LegacyFirewallPolicy"))
)
PATCH_VM_FIREWALL: Route[VM] = Route(
    "PATCH", "/v1/vms/{vmId}/firewall", answer=Ref("VM"), body=OneOf(Ref("FirewallPolicy"), Ref("EgressModeFirewall"), Ref("LegacyFirewallPatch"))
)
LIST_SERVICES: Route[List[Service]] = Route("GET", "/v1/vms/{vmId}/services", answer=Many(Ref("Service")))
REGISTER_SERVICE: Route[Service] = Route(
    "POST", "/v1/vms/{vmId}/services", answer=Ref("Service"), body=Ref("RegisterServiceBody")
)
UPDATE_SERVICE: Route[Service] = Route(
    "PUT", "/v1/vms/{vmId}/services/{serviceName}", answer=Ref("Service"), body=Ref("UpdateServiceBody")
)
DELETE_SERVICE: Route[None] = Route("DELETE", "/v1/vms/{vmId}/services/{serviceName}")
LIST_VM_SSH_KEYS: Route[SshKeyListResponse] = Route("GET", "/v1/vms/{vmId}/ssh-keys", answer=Ref("SshKeyListResponse"))
ADD_VM_SSH_KEY: Route[SshKey] = Route(
    "POST", "/v1/vms/{vmId}/ssh-keys", answer=Ref("SshKey"), body=Ref("AddSshKeyBody")
)
DELETE_VM_SSH_KEY: Route[DeleteResponse] = Route(
    "DELETE", "/v1/vms/{vmId}/ssh-keys/{fingerprint}", answer=Ref("DeleteResponse")
)
LIST_MY_SSH_KEYS: Route[SshKeyListResponse] = Route("GET", "/v1/me/ssh-keys", answer=Ref("SshKeyListResponse"))
ADD_MY_SSH_KEY: Route[SshKey] = Route("POST", "/v1/me/ssh-keys", answer=Ref("SshKey"), body=Ref("AddSshKeyBody"))
DELETE_MY_SSH_KEY: Route[DeleteResponse] = Route(
    "DELETE", "/v1/me/ssh-keys/{fingerprint}", answer=Ref("DeleteResponse")
)
LIST_SNAPSHOTS: Route[List[Snapshot]] = Route("GET", "/v1/snapshots", answer=Many(Ref("Snapshot")))
CREATE_SNAPSHOT: Route[Snapshot] = Route(
    "POST", "/v1/snapshots", answer=Ref("Snapshot"), body=Ref("CreateSnapshotBody")
)
GET_SNAPSHOT: Route[Snapshot] = Route("GET", "/v1/snapshots/{snapshotId}", answer=Ref("Snapshot"))
UPDATE_SNAPSHOT: Route[Snapshot] = Route(
    "PATCH", "/v1/snapshots/{snapshotId}", answer=Ref("Snapshot"), body=Ref("UpdateSnapshotBody")
)
DELETE_SNAPSHOT: Route[DeleteResponse] = Route("DELETE", "/v1/snapshots/{snapshotId}", answer=Ref("DeleteResponse"))
LIST_IMAGES: Route[List[Image]] = Route("GET", "/v1/images", answer=Many(Ref("Image")))
PULL_IMAGE: Route[ImagePull] = Route("POST", "/v1/images/pull", answer=Ref("ImagePull"), body=Ref("PullImageBody"))
GET_IMAGE: Route[ImageDetails] = Route("GET", "/v1/images/{image}", answer=Ref("ImageDetails"))
DELETE_IMAGE: Route[DeleteResponse] = Route("DELETE", "/v1/images/{image}", answer=Ref("DeleteResponse"))
LIST_REGISTRIES: Route[List[RegistryLogin]] = Route("GET", "/v1/registries", answer=Many(Ref("RegistryLogin")))
GET_REGISTRY: Route[RegistryLogin] = Route("GET", "/v1/registries/{registry}", answer=Ref("RegistryLogin"))
SET_REGISTRY: Route[RegistryLogin] = Route(
    "PUT", "/v1/registries/{registry}", answer=Ref("RegistryLogin"), body=Ref("SetRegistryLoginBody")
)
DELETE_REGISTRY: Route[DeleteResponse] = Route("DELETE", "/v1/registries/{registry}", answer=Ref("DeleteResponse"))
CREATE_BUILD: Route[BuildResponse] = Route("POST", "/v1/builds", answer=Ref("BuildResponse"), body=Ref("BuildBody"))
LIST_BUILDS: Route[List[BuildResponse]] = Route("GET", "/v1/builds", answer=Many(Ref("BuildResponse")))
GET_BUILD: Route[BuildResponse] = Route("GET", "/v1/builds/{buildId}", answer=Ref("BuildResponse"))
GET_BUILD_LOGS: Route[BuildLog] = Route("GET", "/v1/builds/{buildId}/logs", answer=Ref("BuildLog"))
CANCEL_BUILD: Route[BuildResponse] = Route("POST", "/v1/builds/{buildId}/cancel", answer=Ref("BuildResponse"))
PRESIGN_BUILD_CONTEXT: Route[FilePresignResponse] = Route(
    "POST", "/v1/build-contexts/presign", answer=Ref("FilePresignResponse")
)
PRESIGN_IMPORT_CONTEXT: Route[ContextPresign] = Route(
    "POST", "/v1/snapshot-imports/context-presign", answer=Ref("ContextPresign"), body=Ref("ContextPresignBody")
)
CREATE_SNAPSHOT_IMPORT: Route[SnapshotImport] = Route(
    "POST", "/v1/snapshot-imports", answer=Ref("SnapshotImport"), body=Ref("SnapshotImportBody")
)
LIST_SNAPSHOT_IMPORTS: Route[List[SnapshotImport]] = Route(
    "GET", "/v1/snapshot-imports", answer=Many(Ref("SnapshotImport"))
)
GET_SNAPSHOT_IMPORT: Route[SnapshotImport] = Route(
    "GET", "/v1/snapshot-imports/{importId}", answer=Ref("SnapshotImport")
)
DELETE_SNAPSHOT_IMPORT: Route[DeleteResponse] = Route(
    "DELETE", "/v1/snapshot-imports/{importId}", answer=Ref("DeleteResponse")
)
CANCEL_SNAPSHOT_IMPORT: Route[SnapshotImport] = Route(
    "POST", "/v1/snapshot-imports/{importId}/cancel", answer=Ref("SnapshotImport")
)
LIST_VOLUMES: Route[List[Volume]] = Route("GET", "/v1/volumes", answer=Many(Ref("Volume")))
CREATE_VOLUME: Route[Volume] = Route("POST", "/v1/volumes", answer=Ref("Volume"), body=Ref("CreateVolumeBody"))
GET_VOLUME: Route[Volume] = Route("GET", "/v1/volumes/{volumeId}", answer=Ref("Volume"))
UPDATE_VOLUME: Route[Volume] = Route(
    "PATCH", "/v1/volumes/{volumeId}", answer=Ref("Volume"), body=Ref("UpdateVolumeBody")
)
DELETE_VOLUME: Route[DeleteResponse] = Route("DELETE", "/v1/volumes/{volumeId}", answer=Ref("DeleteResponse"))
LIST_VOLUME_ATTACHMENTS: Route[List[VolumeAttachment]] = Route(
    "GET", "/v1/volumes/{volumeId}/attachments", answer=Many(Ref("VolumeAttachment"))
)
LIST_VM_VOLUMES: Route[List[VmVolume]] = Route("GET", "/v1/vms/{vmId}/volumes", answer=Many(Ref("VmVolume")))
ATTACH_VOLUME: Route[VmVolume] = Route(
    "POST", "/v1/vms/{vmId}/volumes", answer=Ref("VmVolume"), body=Ref("AttachVolumeBody")
)
DETACH_VOLUME: Route[Detachment] = Route("DELETE", "/v1/vms/{vmId}/volumes/{volumeId}", answer=Ref("Detachment"))
LIST_BUCKET_MOUNTS: Route[List[BucketMount]] = Route(
    "GET", "/v1/vms/{vmId}/bucket-mounts", answer=Many(Ref("BucketMount"))
)
ATTACH_BUCKET_MOUNT: Route[BucketMount] = Route(
    "POST", "/v1/vms/{vmId}/bucket-mounts", answer=Ref("BucketMount"), body=Ref("AttachBucketMountBody")
)
GET_BUCKET_MOUNT: Route[BucketMount] = Route(
    "GET", "/v1/vms/{vmId}/bucket-mounts/{bucketMountId}", answer=Ref("BucketMount")
)
ROTATE_BUCKET_MOUNT: Route[BucketMount] = Route(
    "PATCH", "/v1/vms/{vmId}/bucket-mounts/{bucketMountId}", answer=Ref("BucketMount"), body=Ref("RotateBucketMountBody")
)
DETACH_BUCKET_MOUNT: Route[None] = Route("DELETE", "/v1/vms/{vmId}/bucket-mounts/{bucketMountId}")
LIST_VOLUME_FILES: Route[FileList] = Route("GET", "/v1/volumes/{volumeId}/files", answer=Ref("FileList"))
STAT_VOLUME_FILE: Route[FileInfo] = Route("GET", "/v1/volumes/{volumeId}/files/stat", answer=Ref("FileInfo"))
READ_VOLUME_FILE: Route[None] = Route("GET", "/v1/volumes/{volumeId}/files/content")
WRITE_VOLUME_FILE: Route[FileInfo] = Route("PUT", "/v1/volumes/{volumeId}/files/content", answer=Ref("FileInfo"))
MAKE_VOLUME_DIR: Route[FileInfo] = Route(
    "POST", "/v1/volumes/{volumeId}/files/make-dir", answer=Ref("FileInfo"), body=Ref("MakeDirBody")
)
REMOVE_VOLUME_FILE: Route[None] = Route("POST", "/v1/volumes/{volumeId}/files/remove", body=Ref("RemoveFileBody"))
RENAME_VOLUME_FILE: Route[FileInfo] = Route(
    "POST", "/v1/volumes/{volumeId}/files/rename", answer=Ref("FileInfo"), body=Ref("RenameFileBody")
)
COPY_VOLUME_FILE: Route[FileInfo] = Route(
    "POST", "/v1/volumes/{volumeId}/files/copy", answer=Ref("FileInfo"), body=Ref("CopyVolumeFileBody")
)
WATCH_VOLUME_FILES: Route[None] = Route("GET", "/v1/volumes/{volumeId}/files/watch")
LIST_EVENTS: Route[EventPage] = Route("GET", "/v1/events", answer=Ref("EventPage"))
LIST_WEBHOOKS: Route[List[Webhook]] = Route("GET", "/v1/webhooks", answer=Many(Ref("Webhook")))
CREATE_WEBHOOK: Route[NewWebhook] = Route(
    "POST", "/v1/webhooks", answer=Ref("NewWebhook"), body=Ref("CreateWebhookBody")
)
GET_WEBHOOK: Route[Webhook] = Route("GET", "/v1/webhooks/{webhookId}", answer=Ref("Webhook"))
UPDATE_WEBHOOK: Route[Webhook] = Route(
    "PATCH", "/v1/webhooks/{webhookId}", answer=Ref("Webhook"), body=Ref("UpdateWebhookBody")
)
DELETE_WEBHOOK: Route[DeleteResponse] = Route("DELETE", "/v1/webhooks/{webhookId}", answer=Ref("DeleteResponse"))
REPLAY_WEBHOOK: Route[Replayed] = Route("POST", "/v1/webhooks/{webhookId}/replay", answer=Ref("Replayed"))
LIST_WEBHOOK_DELIVERIES: Route[WebhookDeliveryPage] = Route(
    "GET", "/v1/webhooks/{webhookId}/deliveries", answer=Ref("WebhookDeliveryPage")
)
GET_WEBHOOK_DELIVERY: Route[WebhookDelivery] = Route(
    "GET", "/v1/webhooks/{webhookId}/deliveries/{deliveryId}", answer=Ref("WebhookDelivery")
)
REPLAY_WEBHOOK_DELIVERY: Route[WebhookDelivery] = Route(
    "POST", "/v1/webhooks/{webhookId}/deliveries/{deliveryId}/replay", answer=Ref("WebhookDelivery")
)
LIST_KEYS: Route[List[Key]] = Route("GET", "/v1/org/keys", answer=Many(Ref("Key")))
CREATE_KEY: Route[NewKey] = Route("POST", "/v1/org/keys", answer=Ref("NewKey"), body=Ref("CreateKeyBody"))
DELETE_KEY: Route[DeleteResponse] = Route("DELETE", "/v1/org/keys/{keyId}", answer=Ref("DeleteResponse"))
LIST_AUDIT: Route[AuditPage] = Route("GET", "/v1/audit", answer=Ref("AuditPage"))
GET_QUOTAS: Route[OrgQuotaUsage] = Route("GET", "/v1/org/quotas", answer=Ref("OrgQuotaUsage"))
GET_DISK_USAGE: Route[DiskUsage] = Route("GET", "/v1/org/disk", answer=Ref("DiskUsage"))
