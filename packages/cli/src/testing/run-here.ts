/**
 * Runs the CLI in the test's own process, which saves its start: for commands that read no stdin and need no terminal. One at a time,
 * as what is written and the environment are the process's.
 */
import { runProgram } from "../program.ts";

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Run extends Promise<Outcome> {
  /** What it has written to stdout so far. */
  shown(): string;
}

export function capture(args: readonly string[], env: Readonly<Record<string, string>>): Run {
  const written = { stdout: "", stderr: "" };
  const restore = [redirect("stdout", written), redirect("stderr", written), setEnvironment(env)];
  const ended = runProgram(args)
    .then((exitCode) => ({ exitCode, ...written }))
    .finally(() => {
      process.exitCode = undefined;
      for (const each of restore) each();
    });
  return Object.assign(ended, { shown: () => written.stdout });
}

function redirect(name: "stdout" | "stderr", written: Record<typeof name, string>): () => void {
  const stream = process[name];
  const write = stream.write.bind(stream);
  stream.write = (chunk: Uint8Array | string): boolean => {
    written[name] += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
    return true;
  };
  return () => {
    stream.write = write;
  };
}

function setEnvironment(env: Readonly<Record<string, string>>): () => void {
  const before = { ...process.env };
  Object.assign(process.env, env);
  return () => {
    for (const name of Object.keys(env)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  };
}
