/** Limits of the wire. Each says its unit in its name and its reason beside it. */

/** Where a daemon listens unless it is told otherwise. */
export const DEFAULT_PORT = 8800;

/** Longer names are cut, not refused: clients of every generation rely on it. */
export const MAX_NAME_RUNES = 64;

export const MAX_METADATA_KEYS = 256;
export const MAX_METADATA_KEY_BYTES = 256;
export const MAX_METADATA_VALUE_BYTES = 4096;
export const MAX_METADATA_JSON_BYTES = 65_536;

export const MAX_ENV_KEY_BYTES = 256;
export const MAX_ENV_JSON_BYTES = 65_536;

/** Buffered exec keeps this much of each stream and flags the rest; NDJSON has no cap. */
export const MAX_BUFFERED_OUTPUT_BYTES = 4 * 1024 * 1024;

/** Decoded stdin of one exec. */
export const MAX_STDIN_BYTES = 16 * 1024 * 1024;

/** Base64 makes stdin a third larger, and some room for the rest of the body. */
export const MAX_BODY_BYTES = 24 * 1024 * 1024;

export const MAX_COMMAND_ARGS = 4096;
/** Linux refuses a single argument of 128 KiB and more. */
export const MAX_COMMAND_ARG_BYTES = 131_071;
/** Half of Linux's usual argument space, so that the environment fits beside it. */
export const MAX_COMMAND_BYTES = 1024 * 1024;

/** Output of a command in the background that its guest keeps. All of a VM's together are 64 MiB at most. */
export const MIN_KEEP_OUTPUT_BYTES = 64 * 1024;
export const MAX_KEEP_OUTPUT_BYTES = 16 * 1024 * 1024;
/** Of one question whether a command has ended. Clients and proxies give up on answers that take a minute. */
export const MAX_WAIT_SEC = 50;

export const MAX_TIMEOUT_SEC = 31_536_000;
/** Node's timers take 31 bits, 25 days; one that is set for longer fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
export const MAX_TTL_SEC = 31_536_000;

export const MIN_DISK_GIB = 10;
export const MAX_DISK_GIB = 2048;

/** Children of one fork call. */
export const MAX_FORK_COUNT = 100;

/** A secret that is sealed: keys of clouds have 3 KiB, certificates with their chain 16. */
export const MAX_SEALED_VALUE_BYTES = 65_536;
/** Longer ones meet servers that refuse them. */
export const MAX_WEBHOOK_URL_LENGTH = 2048;
/** Logins of an organisation; people have a handful. */
export const MAX_REGISTRY_LOGINS = 64;
/** Of what a key is called. */
export const MAX_KEY_NAME_LENGTH = 256;
/** More than one client can send; a key without a bound has none. */
export const MAX_REQUESTS_PER_MINUTE = 1_000_000;
/** Of a user name or a password: headers have room for it, and no registry has longer ones. */
export const MAX_CREDENTIAL_LENGTH = 4096;
/** Names of images of one owner; a build pipeline that names each commit finds an end. */
export const MAX_IMAGES = 1000;
/** Text of a Dockerfile: those of whole distributions have some 10 KiB. */
export const MAX_DOCKERFILE_BYTES = 512 * 1024;
/** Of what a Dockerfile copies; PUT beside the API, and never unpacked on the host. */
export const MAX_CONTEXT_BYTES = 4 * 1024 ** 3;
export const MAX_BUILD_ARGS = 64;
/** Names and values of all. */
export const MAX_BUILD_ARGS_BYTES = 8 * 1024;
export const MAX_BUILD_SECRETS = 32;
/** Names and values of all: keys and certificates, not files. */
export const MAX_BUILD_SECRETS_BYTES = 256 * 1024;

/** A guest with systemd powers off within seconds, under emulation twice as many; a database may have minutes of writing to do. */
export const DEFAULT_STOP_GRACE_SEC = 30;
export const MAX_STOP_GRACE_SEC = 600;
