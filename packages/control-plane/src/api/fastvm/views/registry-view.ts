/** A login at a registry of images as the API shows it: without its password. */
import type { RegistryLogin } from "@fastvm/contract";
import { timestamp } from "./timestamp.ts";

export function registryView(login: {
  readonly registry: string;
  readonly username: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}): RegistryLogin {
  const { registry, username, createdAt, updatedAt } = login;
  return { registry, username, createdAt: timestamp(createdAt), updatedAt: timestamp(updatedAt) };
}
