/** Images of registries that an organisation has on the host. */
import { Type, type Static } from "typebox";
import { MAX_CREDENTIAL_LENGTH } from "../../../limits.ts";
import { nullable } from "./nullable.ts";

/** Of a reference: what a registry, a path, a tag and a digest may have together. */
const MAX_REFERENCE_LENGTH = 512;

const IMAGE = {
  reference: Type.String({
    description: "In full, with registry and tag: `docker.io/library/python:3.13-slim`.",
  }),
  digest: Type.String({ description: "`sha256:…`, of the manifest for this host's platform." }),
  platform: Type.String({ description: "`linux/amd64`." }),
  sizeBytes: Type.Integer({
    description: "Of configuration and layers as they are kept, most of them compressed.",
  }),
  pulledAt: Type.String({ format: "date-time" }),
  shared: Type.Boolean({ description: "Brought by whoever runs the host, for all organisations." }),
};

export const ImageSchema = Type.Object(IMAGE, { title: "Image" });
export type Image = Static<typeof ImageSchema>;

const texts = (description: string) => Type.Array(Type.String(), { description });

export const ImageDetailsSchema = Type.Object(
  {
    ...IMAGE,
    layers: Type.Array(
      Type.Object(
        { digest: Type.String(), mediaType: Type.String(), sizeBytes: Type.Integer() },
        { title: "ImageLayer" },
      ),
      { description: "The lowest first." },
    ),
    settings: Type.Object(
      {
        entrypoint: texts("As its maker gave it; a VM's launch runs nothing of it."),
        cmd: texts("As its maker gave it."),
        env: texts("`NAME=value`."),
        workdir: Type.String(),
        user: Type.String(),
        ports: texts("`8080/tcp`."),
        labels: Type.Record(Type.String(), Type.String()),
        stopSignal: Type.String(),
      },
      { title: "ImageSettings" },
    ),
  },
  { title: "ImageDetails" },
);
export type ImageDetails = Static<typeof ImageDetailsSchema>;

export const PullImageBodySchema = Type.Object(
  {
    reference: Type.String({
      minLength: 1,
      maxLength: MAX_REFERENCE_LENGTH,
      description: "As people write it: `python:3.13-slim`, `registry.example.com:5000/team/app@sha256:…`.",
    }),
    policy: Type.Optional(
      nullable(
        Type.String({
          enum: ["if-missing", "always", "never"],
          description:
            "`if-missing` (default) asks nobody when it is here; `always` asks what the name means now, and brings what is lacking; " +
            "`never` asks nobody at all.",
        }),
      ),
    ),
    username: Type.Optional(
      nullable(
        Type.String({
          maxLength: MAX_CREDENTIAL_LENGTH,
          description:
            "With `password`, for this pull alone, in place of the organisation's login. Kept nowhere.",
        }),
      ),
    ),
    password: Type.Optional(nullable(Type.String({ maxLength: MAX_CREDENTIAL_LENGTH }))),
  },
  { title: "PullImageBody" },
);
export type PullImageBody = Static<typeof PullImageBodySchema>;

export const ImagePullSchema = Type.Object(
  {
    status: Type.Union([Type.Literal("ready"), Type.Literal("pulling")]),
    reference: Type.String({ description: "In full." }),
    image: Type.Optional(ImageSchema),
  },
  { title: "ImagePull" },
);
