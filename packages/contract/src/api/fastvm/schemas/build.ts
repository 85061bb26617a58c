/** Builds: what asks for one, what is told of it, what it prints. */
import { Type, type Static } from "typebox";
import {
  MAX_BUILD_ARGS,
  MAX_BUILD_ARGS_BYTES,
  MAX_BUILD_SECRETS,
  MAX_BUILD_SECRETS_BYTES,
  MAX_DISK_GIB,
  MIN_DISK_GIB,
} from "../../../limits.ts";
import { ErrorCodeSchema } from "./error-body.ts";
import { NullableFirewallInputSchema } from "./firewall.ts";
import { nullable } from "./nullable.ts";
import { guards } from "./strict.ts";
import { stringMap } from "./string-map.ts";

const text = (description: string) => nullable(Type.String({ description }));

/** What builds and imports are asked with alike. */
export const BUILD_FIELDS = {
  name: Type.Optional(text("Of the snapshot. Default: the build's id.")),
  machineType: Type.Optional(text("Of VMs launched from the snapshot. Default `c1m2`.")),
  diskGiB: Type.Optional(
    nullable(Type.Integer({ minimum: MIN_DISK_GIB, maximum: MAX_DISK_GIB, description: "Default 10." })),
  ),
};

export const BUILD_ARGS = nullable(
  stringMap(`For \`ARG\`. At most ${MAX_BUILD_ARGS}, ${MAX_BUILD_ARGS_BYTES / 1024} KiB in all.`),
);

export const BuildBodySchema = Type.Object(
  {
    ...BUILD_FIELDS,
    imageRef: Type.Optional(
      text("An image of a registry. With a Dockerfile it only is shown; one of these two is needed."),
    ),
    dockerfileContent: Type.Optional(text("The text of a Dockerfile.")),
    dockerfilePath: Type.Optional(
      text("Where in the context the Dockerfile is, when its text is not given. Default `Dockerfile`."),
    ),
    contextDownloadUrl: Type.Optional(
      text(
        "What `build-contexts/presign` answered, after a `tar.gz` or ZIP was PUT there. Good for one build.",
      ),
    ),
    target: Type.Optional(text("The stage to stop at. Default: the last one.")),
    buildArgs: Type.Optional(BUILD_ARGS),
    secrets: Type.Optional(
      nullable(
        stringMap(
          "For `RUN --mount=type=secret`, by id. In no image, log or record. " +
            `At most ${MAX_BUILD_SECRETS}, ${MAX_BUILD_SECRETS_BYTES / 1024} KiB in all.`,
        ),
      ),
    ),
    tag: Type.Optional(
      text(
        "Keeps the image under this name, for `image` of a launch; another build of that name replaces it.",
      ),
    ),
    noCache: Type.Optional(
      nullable(Type.Boolean({ description: "Whether to use nothing of earlier builds. Default false." })),
    ),
    firewall: Type.Optional(NullableFirewallInputSchema),
  },
  { ...guards("firewall", "secrets", "noCache"), title: "BuildBody" },
);
export type BuildBody = Static<typeof BuildBodySchema>;

export const BuildSchema = Type.Object(
  {
    id: Type.String({ description: "UUID. The same for `snapshot-imports`." }),
    name: Type.Optional(Type.String()),
    status: Type.String({
      description: "`pending`, `running`, `completed`, `failed`, the last also when it was cancelled.",
    }),
    imageRef: Type.String({ description: "As it was asked for; empty when it was not." }),
    tag: Type.Optional(Type.String()),
    progress: Type.Optional(
      Type.String({
        description:
          "While it runs: `creating build VM`, `fetching context`, `buildah pull`, `buildah bud`, `applying image`, " +
          "`settling VM`, `creating snapshot`.",
      }),
    ),
    snapshotId: Type.Optional(Type.String({ description: "When it has completed." })),
    imageDigest: Type.Optional(Type.String({ description: "Of the image's manifest, when there is one." })),
    steps: Type.Optional(
      Type.Object(
        { ran: Type.Integer(), cached: Type.Integer() },
        { description: "Instructions that ran, and those taken of an earlier build." },
      ),
    ),
    error: Type.Optional(
      Type.String({ description: "Why it failed; of a step its last lines. At most 4 KiB." }),
    ),
    createdAt: Type.String({ format: "date-time" }),
    startedAt: Type.Optional(Type.String({ format: "date-time" })),
    finishedAt: Type.Optional(Type.String({ format: "date-time" })),
  },
  { title: "BuildResponse" },
);
export type Build = Static<typeof BuildSchema>;

export const BuildLogSchema = Type.Object(
  {
    log: Type.String({ description: "What it has printed so far; of one that has ended the last 256 KiB." }),
    status: Type.String({ description: "As of the build." }),
  },
  { title: "BuildLog" },
);

export const BuildLogEventSchema = Type.Object(
  {
    t: Type.Unsafe<"l" | "p" | "x">({
      type: "string",
      enum: ["l", "p", "x"],
      description: "A line, progress, the end.",
    }),
    d: Type.Optional(
      Type.String({ description: "l: the line without its end. p: as `progress`. x: why it failed." }),
    ),
    status: Type.Optional(Type.String({ description: "x: as of the build." })),
    snapshotId: Type.Optional(Type.String({ description: "x: of a build that has completed." })),
    code: Type.Optional(ErrorCodeSchema),
  },
  {
    title: "BuildLogEvent",
    description:
      "The last one is an x. With `code`, an error's, the reader was cut off and `d` says why: the build goes on.",
  },
);
export type BuildLogEvent = Static<typeof BuildLogEventSchema>;
