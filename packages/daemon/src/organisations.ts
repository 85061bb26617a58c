/** Organisations and keys of a data folder's daemon, as root makes them over its socket. */
import type { ApiName } from "@fastvm/contract";
import { askOperator } from "./operator-request.ts";

export interface Organisation {
  readonly id: string;
  readonly name: string;
  /** As RFC 3339 has it. */
  readonly createdAt: string;
}

export interface ApiKey {
  readonly id: string;
  readonly orgId: string;
  readonly api: ApiName;
  /** As RFC 3339 has it. */
  readonly createdAt: string;
}

/** Oldest first. */
export function listOrganisations(dataDir: string): Promise<readonly Organisation[]> {
  return ask(dataDir, "/organisations");
}

export function createOrganisation(dataDir: string, name: string): Promise<Organisation> {
  return ask(dataDir, "/organisations", "POST", { name });
}

/** Of one organisation or of all, oldest first. */
export function listKeys(dataDir: string, org: string | undefined): Promise<readonly ApiKey[]> {
  return ask(dataDir, org === undefined ? "/keys" : `/keys?org=${encodeURIComponent(org)}`);
}

/** `org`: id, name or beginning of an id; default: the first one. The key itself is told here and never again. */
export function createKey(
  dataDir: string,
  wanted: { readonly org?: string | undefined; readonly api?: ApiName | undefined },
): Promise<ApiKey & { readonly key: string }> {
  return ask(dataDir, "/keys", "POST", wanted);
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
    const { error } = JSON.parse(body) as { error?: { message?: string } };
    return error?.message ?? body;
  } catch {
    return body;
  }
}
