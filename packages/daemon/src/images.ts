/** Images that the daemon of a data folder keeps, as root brings and removes them over its socket. */
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { ImageLayer, ImageSettings, ImportOrder, PullOrder } from "@fastvm/contract";
import { requestOperator } from "./operator-request.ts";
import { reasonOf } from "./organisations.ts";

export interface Image {
  /** In full, with registry and tag. */
  readonly reference: string;
  readonly digest: string;
  readonly platform: string;
  readonly sizeBytes: number;
  /** As RFC 3339 has it. */
  readonly pulledAt: string;
  /** Id of an organisation, or `everybody`. */
  readonly owner: string;
}

export interface ImageDetails extends Image {
  readonly layers: readonly ImageLayer[];
  readonly settings: ImageSettings;
}

interface ImageStartOrder {
  readonly image: string;
  /** Whose name it is; default: everybody's. */
  readonly org?: string | undefined;
  /** By the VM's shell, as root. */
  readonly command?: string | undefined;
  /** One of these at most says when it is ready. */
  readonly readyPort?: number | undefined;
  readonly readyHttp?: string | undefined;
  readonly readyCommand?: string | undefined;
  readonly timeoutSec?: number | undefined;
}

/** The daemon's own, and some for it to tell that it gave up. */
const LONG_MS = 31 * 60_000;

export function pullImage(
  dataDir: string,
  wanted: {
    readonly reference: string;
    readonly policy?: PullOrder["policy"] | undefined;
    readonly username?: string | undefined;
    readonly password?: string | undefined;
  },
): Promise<Image> {
  return ask(dataDir, { path: "/images/pull", method: "POST", body: wanted });
}

export function listImages(dataDir: string): Promise<readonly Image[]> {
  return ask(dataDir, { path: "/images", method: "GET" });
}

export function inspectImage(dataDir: string, image: string, org?: string): Promise<ImageDetails> {
  return ask(dataDir, { path: `/images/inspect${query({ image, org })}`, method: "GET" });
}

/** Resolves to the names that are gone. */
export async function removeImage(dataDir: string, image: string, org?: string): Promise<readonly string[]> {
  const { removed } = await ask<{ removed: readonly string[] }>(dataDir, {
    path: `/images${query({ image, org })}`,
    method: "DELETE",
  });
  return removed;
}

/** Makes VMs of it quick to launch on that machine type; default: the default one. */
export async function warmImage(
  dataDir: string,
  image: string,
  machineType: string | undefined,
  org?: string,
): Promise<void> {
  await ask(dataDir, { path: "/images/warm", method: "POST", body: { image, machineType, org } });
}

/** What VMs of the image begin with; without a command nothing. */
export function setImageStart(dataDir: string, wanted: ImageStartOrder): Promise<Image> {
  return ask(dataDir, { path: "/images/start", method: "POST", body: wanted });
}

/** Of a folder or a disk of this machine. */
export function importImage(
  dataDir: string,
  wanted: Omit<ImportOrder, "owner"> & { readonly org: string | undefined },
): Promise<Image> {
  return ask(dataDir, { path: "/images/import", method: "POST", body: wanted });
}

/** Of an archive as `docker save` writes it, or of an OCI layout in a tar. */
export function loadImages(
  dataDir: string,
  archive: Readable,
  name: string | undefined,
  org?: string,
): Promise<readonly Image[]> {
  return ask(dataDir, {
    path: `/images/load${query({ name, org })}`,
    method: "POST",
    archive,
  });
}

/** An archive that is both. */
export async function saveImage(dataDir: string, image: string, org?: string): Promise<Readable> {
  const wanted = { path: `/images/archive${query({ image, org })}`, method: "GET", deadlineMs: LONG_MS };
  return await expectOk(await requestOperator(dataDir, wanted));
}

async function ask<T>(dataDir: string, wanted: Parameters<typeof requestOperator>[1]): Promise<T> {
  const answer = await expectOk(await requestOperator(dataDir, { ...wanted, deadlineMs: LONG_MS }));
  return JSON.parse(await text(answer)) as T;
}

async function expectOk(answer: IncomingMessage): Promise<IncomingMessage> {
  if (answer.statusCode !== 200) throw new Error(reasonOf(await text(answer)));
  return answer;
}

function query(values: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as [string, string]],
  );
  return `?${new URLSearchParams(given).toString()}`;
}
