/** What can go wrong with volumes: a part of the catalogue. */
import type { ErrorEntry } from "./error-entry.ts";

export const VOLUME_ERRORS = {
  volume_not_ready: {
    status: 409,
    message: "The volume is not ready",
    hint: "Look at its status; one that is being deleted does not come back",
    when: "The volume is not `ready`; `error` then says `VOL_NOT_READY`",
    retryable: false,
  },
  volume_busy: {
    status: 409,
    message: "The volume is in use",
    hint: "Detach it from the VMs that GET /v1/volumes/{id}/attachments lists",
    when: "A volume that VMs have is to be deleted, made read-only or grown under what cannot stay open, or attached again",
    retryable: false,
  },
  guest_umount_busy: {
    status: 502,
    message: "The VM still uses the volume",
    hint: "End what has files of it open in the VM, or detach it by `force`; it stays attached",
    when: "Programs in the VM have files or folders of the volume open; `error` is then exactly this code",
    retryable: false,
  },
  bucket_rotation_failed: {
    status: 502,
    message: "The store refuses the new credentials",
    hint: "Look at the mount's status: it has the former ones, or has failed",
    when: "PATCH of a bucket mount brings credentials with which it cannot be mounted",
    retryable: false,
  },
  host_mount_denied: {
    status: 403,
    message: "This key may mount nothing of the host",
    hint: "Use a volume, or a key of the organisation that was made with the server",
    when: "`host` or `image` of a mount is given by a key of another organisation than the first",
    retryable: false,
  },
  not_supported: {
    status: 501,
    message: "This server does not do this",
    hint: "The message says what it does instead",
    when: "A feature of the API that this server does not have, such as a mount by a tool that is not installed",
    retryable: false,
  },
} as const satisfies Record<string, ErrorEntry>;
