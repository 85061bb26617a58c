/** The configuration of an image: what its maker says of running it, and what its layers are when they are unpacked. */
import { isDigest } from "@fastvm/contract";
import type { ImageSettings } from "@fastvm/contract";
import { invalidImage } from "../invalid-image.ts";
import { isOurs, PLATFORM } from "./platform.ts";
import { asObject, asStrings, asText, readJsonObject } from "./read-json.ts";

interface ImageConfig {
  readonly settings: ImageSettings;
  /** Digests of the layers without compression. */
  readonly diffIds: readonly string[];
}

/** Docker's own, for images that say none. */
const DEFAULT_STOP_SIGNAL = "SIGTERM";

/** `layers`: how many the manifest names. */
export function readImageConfig(bytes: Uint8Array, layers: number): ImageConfig {
  const found = readJsonObject(bytes, "the configuration");
  const platform = {
    os: asText(found["os"], "os"),
    architecture: asText(found["architecture"], "architecture"),
  };
  if (!isOurs(platform))
    throw invalidImage(`it is for ${platform.os}/${platform.architecture}, not for ${PLATFORM}`);
  const rootfs = asObject(found["rootfs"], "rootfs");
  const diffIds = asStrings(rootfs["diff_ids"], "diff_ids");
  if (!diffIds.every(isDigest)) throw invalidImage("diff_ids has something that is no SHA-256 digest");
  if (diffIds.length !== layers)
    throw invalidImage(`it has ${layers} layers, and digests of ${diffIds.length}`);
  return { settings: readSettings(found["config"]), diffIds };
}

function readSettings(value: unknown): ImageSettings {
  const config = asObject(value ?? {}, "config");
  const labels = asObject(config["Labels"] ?? {}, "Labels");
  return {
    entrypoint: asStrings(config["Entrypoint"], "Entrypoint"),
    cmd: asStrings(config["Cmd"], "Cmd"),
    env: asStrings(config["Env"], "Env"),
    workdir: asText(config["WorkingDir"], "WorkingDir"),
    user: asText(config["User"], "User"),
    ports: Object.keys(asObject(config["ExposedPorts"] ?? {}, "ExposedPorts")),
    labels: Object.fromEntries(Object.entries(labels).map(([name, text]) => [name, asText(text, "a label")])),
    stopSignal: asText(config["StopSignal"], "StopSignal") || DEFAULT_STOP_SIGNAL,
  };
}
