/** Files by signed URLs, between clients, the staging area and VMs. */
import { Type, type Static } from "typebox";
import { MAX_TIMEOUT_SEC } from "../../../limits.ts";
import { nullable } from "./nullable.ts";

export const FilePresignBodySchema = Type.Object(
  {
    path: Type.Optional(
      nullable(Type.String({ description: "What it is for. Any text; it only names the object." })),
    ),
  },
  { title: "FilePresignBody" },
);

export const FilePresignSchema = Type.Object(
  {
    uploadUrl: Type.String({ description: "PUT, as often as needed; good here and inside the VM." }),
    downloadUrl: Type.String({ description: "GET; waits for an upload that is under way." }),
    expiresInSec: Type.Integer(),
    maxUploadBytes: Type.Integer({ description: "The VM's disk." }),
  },
  { title: "FilePresign" },
);
export type FilePresign = Static<typeof FilePresignSchema>;

export const FileFetchBodySchema = Type.Object(
  {
    url: Type.String({ minLength: 1, description: "A `downloadUrl` of this server." }),
    path: Type.String({ minLength: 1, description: "Where in the VM; relative to /root." }),
    timeoutSec: Type.Optional(nullable(Type.Integer({ minimum: 1, maximum: MAX_TIMEOUT_SEC }))),
  },
  { title: "FileFetchBody" },
);
