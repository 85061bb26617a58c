/** The operations on volumes, on what VMs have of them, and on buckets: a part of the table. */
import { Type } from "typebox";
import type { Operation } from "../operation.ts";
import { GUEST, VM } from "./operation-parts.ts";
import {
  AttachBucketMountBodySchema,
  BucketMountSchema,
  RotateBucketMountBodySchema,
} from "./schemas/bucket-mount.ts";
import { DeletionSchema } from "./schemas/deletion.ts";
import {
  AttachVolumeBodySchema,
  CreateVolumeBodySchema,
  DetachmentSchema,
  DetachVolumeQuerySchema,
  UpdateVolumeBodySchema,
  VmVolumeSchema,
  VolumeAttachmentSchema,
  VolumeSchema,
} from "./schemas/volume.ts";

const VOLUME = "/v1/volumes/{volumeId}";
const BUCKET = `${VM}/bucket-mounts/{bucketMountId}`;

export const VOLUME_OPERATIONS = {
  listVolumes: {
    method: "GET",
    path: "/v1/volumes",
    tag: "Volumes",
    summary: "List volumes, newest first",
    responses: { 200: Type.Array(VolumeSchema) },
    errors: [],
  },
  createVolume: {
    method: "POST",
    path: "/v1/volumes",
    tag: "Volumes",
    summary: "Make a volume",
    description:
      "Answers when it is ready. Its bytes are reserved on the host then: `out_of_disk` comes now or never.",
    body: CreateVolumeBodySchema,
    responses: { 201: VolumeSchema },
    errors: ["quota_exceeded", "conflict", "not_supported"],
  },
  getVolume: {
    method: "GET",
    path: VOLUME,
    tag: "Volumes",
    summary: "Read a volume",
    responses: { 200: VolumeSchema },
    errors: [],
  },
  updateVolume: {
    method: "PATCH",
    path: VOLUME,
    tag: "Volumes",
    summary: "Rename a volume, let it grow, or change who may write to it",
    description:
      "At least one field. It grows while VMs use it. One that VMs may write to is `volume_busy` for `accessMode: ro`.",
    body: UpdateVolumeBodySchema,
    needsBody: true,
    responses: { 200: VolumeSchema },
    errors: ["quota_exceeded", "conflict", "volume_not_ready", "volume_busy"],
  },
  deleteVolume: {
    method: "DELETE",
    path: VOLUME,
    tag: "Volumes",
    summary: "Delete a volume and all that is in it",
    description:
      "Not while a VM has it, be it paused. Snapshots may name it: what is restored from them does without.",
    responses: { 200: DeletionSchema },
    errors: ["volume_busy", "volume_not_ready"],
  },
  listVolumeAttachments: {
    method: "GET",
    path: `${VOLUME}/attachments`,
    tag: "Volumes",
    summary: "List the VMs that have a volume",
    responses: { 200: Type.Array(VolumeAttachmentSchema) },
    errors: [],
  },
  listVmVolumes: {
    method: "GET",
    path: `${VM}/volumes`,
    tag: "Volumes",
    summary: "List the volumes that a VM has, as they are now",
    responses: { 200: Type.Array(VmVolumeSchema) },
    errors: [...GUEST],
  },
  attachVolume: {
    method: "POST",
    path: `${VM}/volumes`,
    tag: "Volumes",
    summary: "Mount a volume in a VM",
    description:
      "In a running VM at once; a paused one has it when it goes on. It stays over pauses, snapshots and forks.",
    body: AttachVolumeBodySchema,
    responses: { 201: VmVolumeSchema },
    errors: [
      "vm_wrong_state",
      "volume_not_ready",
      "volume_busy",
      "conflict",
      "host_mount_denied",
      "not_supported",
      ...GUEST,
    ],
  },
  detachVolume: {
    method: "DELETE",
    path: `${VM}/volumes/{volumeId}`,
    tag: "Volumes",
    summary: "Take a volume from a VM",
    query: DetachVolumeQuerySchema,
    responses: { 200: DetachmentSchema },
    errors: ["vm_wrong_state", "guest_umount_busy", ...GUEST],
  },
  listBucketMounts: {
    method: "GET",
    path: `${VM}/bucket-mounts`,
    tag: "Volumes",
    summary: "List the buckets that a VM has mounted",
    responses: { 200: Type.Array(BucketMountSchema) },
    errors: [],
  },
  getBucketMount: {
    method: "GET",
    path: BUCKET,
    tag: "Volumes",
    summary: "Read a bucket mount",
    responses: { 200: BucketMountSchema },
    errors: [],
  },
  attachBucketMount: {
    method: "POST",
    path: `${VM}/bucket-mounts`,
    tag: "Volumes",
    summary: "Mount a bucket in a VM",
    description:
      "A folder whose files are the bucket's objects. It is no POSIX: no locks that others see, a rename is a copy, " +
      "and what is written is in the bucket once the file is closed.",
    body: AttachBucketMountBodySchema,
    responses: { 201: BucketMountSchema },
    errors: ["vm_wrong_state", "conflict", "not_supported", ...GUEST],
  },
  rotateBucketMount: {
    method: "PATCH",
    path: BUCKET,
    tag: "Volumes",
    summary: "Give a bucket mount other credentials",
    description: "It is mounted anew with them, or with the former ones where the store refuses them.",
    body: RotateBucketMountBodySchema,
    responses: { 200: BucketMountSchema },
    errors: ["vm_wrong_state", "bucket_rotation_failed", ...GUEST],
  },
  detachBucketMount: {
    method: "DELETE",
    path: BUCKET,
    tag: "Volumes",
    summary: "Take a bucket from a VM, also when there is none",
    responses: { 204: undefined },
    errors: ["vm_wrong_state", "guest_umount_busy", ...GUEST],
  },
} as const satisfies Record<string, Operation>;
