/** The operations on an organisation's images of registries: a part of the table. */
import { Type } from "typebox";
import type { Operation } from "../operation.ts";
import { DeletionSchema } from "./schemas/deletion.ts";
import { ImageDetailsSchema, ImagePullSchema, ImageSchema, PullImageBodySchema } from "./schemas/image.ts";

const IMAGE = "/v1/images/{image}";

export const IMAGE_OPERATIONS = {
  listImages: {
    method: "GET",
    path: "/v1/images",
    tag: "Images",
    summary: "List the images that the organisation may launch, by name",
    description: "Its own, and those that whoever runs the host brought for all.",
    responses: { 200: Type.Array(ImageSchema) },
    errors: [],
  },
  pullImage: {
    method: "POST",
    path: "/v1/images/pull",
    tag: "Images",
    summary: "Bring an image of a registry to the host",
    description:
      "With the organisation's login for that registry, or with the one that is given. 200: it is here. 202: it takes longer; " +
      "the same request again waits on.",
    body: PullImageBodySchema,
    responses: { 200: ImagePullSchema, 202: ImagePullSchema },
    errors: ["image_invalid", "registry_denied", "registry_guarded", "registry_unreachable", "conflict"],
  },
  getImage: {
    method: "GET",
    path: IMAGE,
    tag: "Images",
    summary: "Read what an image is made of, and what its maker says of running it",
    description: "By reference, by digest, or by the first characters of one, percent-encoded.",
    responses: { 200: ImageDetailsSchema },
    errors: ["image_invalid"],
  },
  deleteImage: {
    method: "DELETE",
    path: IMAGE,
    tag: "Images",
    summary: "Remove a name of an image, or by a digest all of the organisation's names for it",
    description: "VMs and snapshots stay as they are. Only the organisation's own.",
    responses: { 200: DeletionSchema },
    errors: [],
  },
} as const satisfies Record<string, Operation>;
