/** The rules of metadata and environment variables that JSON Schema cannot say, because they count bytes. */
import { FastvmError } from "./errors/errors.ts";
import {
  MAX_ENV_JSON_BYTES,
  MAX_ENV_KEY_BYTES,
  MAX_METADATA_JSON_BYTES,
  MAX_METADATA_KEY_BYTES,
  MAX_METADATA_KEYS,
  MAX_METADATA_VALUE_BYTES,
} from "./limits.ts";

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Throws `invalid_request` that names the offending key. */
export function checkMetadata(metadata: Readonly<Record<string, string>>): void {
  const entries = Object.entries(metadata);
  if (entries.length > MAX_METADATA_KEYS) {
    throw invalid(
      "metadata",
      `metadata has ${entries.length} keys; at most ${MAX_METADATA_KEYS} are accepted`,
    );
  }
  for (const [key, value] of entries) {
    const keyBytes = Buffer.byteLength(key);
    if (keyBytes < 1 || keyBytes > MAX_METADATA_KEY_BYTES) {
      throw invalid(
        "metadata",
        `a metadata key has ${keyBytes} bytes; 1 to ${MAX_METADATA_KEY_BYTES} are accepted`,
      );
    }
    const valueBytes = Buffer.byteLength(value);
    if (valueBytes > MAX_METADATA_VALUE_BYTES) {
      throw invalid(
        `metadata.${key}`,
        `the value has ${valueBytes} bytes; at most ${MAX_METADATA_VALUE_BYTES} are accepted`,
      );
    }
  }
  checkJsonSize("metadata", metadata, MAX_METADATA_JSON_BYTES);
}

/** `field` is the name of the input: `envVars` of a VM, `env` of a command. */
export function checkEnvVars(envVars: Readonly<Record<string, string>>, field = "envVars"): void {
  for (const [name, value] of Object.entries(envVars)) {
    if (!ENV_NAME.test(name) || name.length > MAX_ENV_KEY_BYTES) {
      throw invalid(
        field,
        `${JSON.stringify(name.slice(0, 64))} is not a variable name; ` +
          `accepted are 1 to ${MAX_ENV_KEY_BYTES} letters, digits and _, not starting with a digit`,
      );
    }
    if (/[\n\r\0]/.test(value)) {
      throw invalid(`${field}.${name}`, "the value may not contain a line feed, carriage return or NUL");
    }
  }
  checkJsonSize(field, envVars, MAX_ENV_JSON_BYTES);
}

function checkJsonSize(field: string, map: Readonly<Record<string, string>>, maxBytes: number): void {
  const bytes = Buffer.byteLength(JSON.stringify(map));
  if (bytes > maxBytes) {
    throw invalid(field, `${field} has ${bytes} bytes as JSON; at most ${maxBytes} are accepted`);
  }
}

function invalid(field: string, detail: string): FastvmError {
  return new FastvmError("invalid_request", detail, { field });
}
