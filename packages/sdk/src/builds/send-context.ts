/** Brings a folder of this machine where a build finds it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FileTransferError } from "../files/file-transfer-error.ts";
import type { FilePresign } from "../files/files.ts";
import { putObject } from "../files/transfer.ts";
import type { TransferCalls, TransferOptions } from "../files/transfer.ts";
import type { CreateBuildParams } from "./build.ts";
import { packContext } from "./pack-context.ts";

const DEFAULT_DOCKERFILE = "Dockerfile";

interface ContextCalls extends Pick<TransferCalls, "fetch"> {
  presign(): Promise<FilePresign>;
}

interface LocalContext {
  readonly contextDir: string;
  /** Relative to it. */
  readonly dockerfilePath: string | undefined;
  /** Its text, when it is not there. */
  readonly dockerfile: string | undefined;
}

/** The Dockerfile goes as text, since `.dockerignore` may leave it out. */
export async function sendContext(
  calls: ContextCalls,
  { contextDir, dockerfilePath = DEFAULT_DOCKERFILE, dockerfile }: LocalContext,
  options: TransferOptions,
): Promise<Pick<CreateBuildParams, "dockerfileContent" | "contextDownloadUrl">> {
  const path = join(contextDir, dockerfilePath);
  const dockerfileContent =
    dockerfile ??
    (await readFile(path, "utf8").catch((cause: unknown) => {
      throw new FileTransferError(`There is no Dockerfile ${path}`, { code: "ENOENT", cause });
    }));
  const archive = await packContext(contextDir, dockerfile === undefined ? dockerfilePath : undefined);
  const { uploadUrl, downloadUrl } = await calls.presign();
  await putObject(calls, uploadUrl, archive, undefined, options);
  return { dockerfileContent, contextDownloadUrl: downloadUrl };
}
