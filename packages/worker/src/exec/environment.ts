/** The environment of a command: the defaults, then the VM's own variables, then the command's. */
import { FastvmError } from "@fastvm/contract";

type Variables = Readonly<Record<string, string>>;

interface EnvironmentRequest {
  /** The VM's, as its identity has them. */
  readonly vm: Variables;
  /** The command's own, which win. */
  readonly command: Variables | undefined;
  /** When given, the agent sets HOME, USER, LOGNAME and SHELL to the user's. */
  readonly user: string | undefined;
  readonly hasPty: boolean;
}

/** Debian's for root. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** `KEY=value` each, every key once. Throws `invalid_request` for a key or value that no environment can hold. */
export function commandEnvironment(request: EnvironmentRequest): string[] {
  const merged = new Map(Object.entries(defaults(request)));
  for (const [key, value] of Object.entries(request.vm)) merged.set(key, value);
  for (const [key, value] of Object.entries(request.command ?? {})) merged.set(key, value);
  return Array.from(merged, ([key, value]) => variable(key, value));
}

function defaults({ user, hasPty }: EnvironmentRequest): Variables {
  return {
    PATH: DEFAULT_PATH,
    LANG: "C.UTF-8",
    // Without a terminal nothing may be drawn; a program that asks still finds an answer.
    TERM: hasPty ? "xterm-256color" : "dumb",
    ...(user === undefined && { HOME: "/root" }),
  };
}

function variable(key: string, value: string): string {
  if (key === "" || key.includes("=") || key.includes("\0") || value.includes("\0")) {
    throw new FastvmError("invalid_request", `${JSON.stringify(key)} is no environment variable`, {
      field: "env",
    });
  }
  return `${key}=${value}`;
}
