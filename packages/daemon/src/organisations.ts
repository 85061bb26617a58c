/** Organisations and keys of a data folder's daemon, as root makes them over its socket. */
import type { CreateKeyBody, KeyView, ResourceAmounts } from "@fastvm/contract";
import { askOperator } from "./operator-request.ts";

export interface Organisation {
  readonly id: string;
  readonly name: string;
  /** As RFC 3339 has it. */
  readonly createdAt: string;
}

export type ApiKey = KeyView;

type WithAbsent<T> = { [Key in keyof T]: T[Key] | undefined };

/** What a key is to be; `org`: id, name or beginning of an id, default the first one. */
export interface KeyWanted extends WithAbsent<CreateKeyBody> {
  readonly org?: string | undefined;
}

/** Oldest first. */
export function listOrganisations(dataDir: string): Promise<readonly Organisation[]> {
  return ask(dataDir, "/organisations");
}

export function createOrganisation(dataDir: string, name: string): Promise<Organisation> {
  return ask(dataDir, "/organisations", "POST", { name });
}

/** Resolves to what it was. One that has VMs, snapshots or volumes goes by force alone, with all of them. */
export function removeOrganisation(dataDir: string, org: string, force: boolean): Promise<Organisation> {
  const query = force ? "?force=true" : "";
  return ask(dataDir, `/organisations/${encodeURIComponent(org)}${query}`, "DELETE");
}

/** Of one organisation or of all, oldest first. */
export function listKeys(dataDir: string, org: string | undefined): Promise<readonly ApiKey[]> {
  return ask(dataDir, org === undefined ? "/keys" : `/keys?org=${encodeURIComponent(org)}`);
}

/** The key itself is told here and never again. */
export function createKey(dataDir: string, wanted: KeyWanted): Promise<ApiKey & { readonly key: string }> {
  return ask(dataDir, "/keys", "POST", wanted);
}

/** Changes those that are named; resolves to all of them. */
export function setLimits(
  dataDir: string,
  org: string,
  limits: Partial<ResourceAmounts>,
): Promise<ResourceAmounts> {
  return ask(dataDir, `/organisations/${encodeURIComponent(org)}/limits`, "PUT", limits);
}

/** It opens nothing more when this resolves. */
export async function removeKey(dataDir: string, id: string): Promise<void> {
  await ask(dataDir, `/keys/${encodeURIComponent(id)}`, "DELETE");
}

async function ask<T>(dataDir: string, path: string, method = "GET", body?: object): Promise<T> {
  const answer = await askOperator(dataDir, path, method, body);
  if (answer.status !== 200) throw new Error(reasonOf(answer.body));
  return JSON.parse(answer.body) as T;
}

/** Of an answer that is an error. */
export function reasonOf(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: string };
    return message ?? body;
  } catch {
    return body;
  }
}
