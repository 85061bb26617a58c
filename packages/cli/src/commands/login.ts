/** `fastvm login` and `logout`: keys for servers on other machines, kept as contexts. */
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { Command } from "commander";
import { addGlobalOptions, optionsOf } from "../command-line/global-options.ts";
import { askSecret } from "../output/ask-secret.ts";
import { printJson, printLine } from "../output/print.ts";
import { isLoopback } from "../settings/connection.ts";
import { checkContextName, findContext, readContexts, writeContexts } from "../settings/contexts.ts";
import type { Context } from "../settings/contexts.ts";
import { readEnvironment } from "../settings/environment.ts";
import { UserError } from "../user-error.ts";

interface LoginFlags {
  readonly name?: string;
  readonly ca?: string;
  readonly keyStdin?: boolean;
}

export function loginCommand(): Command {
  const command = addGlobalOptions(new Command("login"))
    .description("Keep a server and a key for it, and use them from now on")
    .argument("<url>", "such as https://vms.example.com")
    .option("--name <name>", "of the context (default: the server's name)")
    .option("--ca <file>", "certificate of the authority that vouches for the server, as PEM")
    .option("--key-stdin", "read the key from stdin (default: --api-key, or ask for it)");
  return command.action((url: string) => login(url, command));
}

export function logoutCommand(): Command {
  const command = addGlobalOptions(new Command("logout"))
    .description("Forget a server and its key")
    .argument("[context]", "(default: the one in use)");
  return command.action((name: string | undefined) => logout(name, optionsOf(command).json === true));
}

async function login(typed: string, command: Command): Promise<void> {
  const flags = optionsOf<LoginFlags>(command);
  const url = checkUrl(typed);
  const { configDir } = readEnvironment();
  const name = checkContextName(flags.name ?? url.hostname);
  const ca = flags.ca === undefined ? undefined : await readFileOf(flags.ca);
  if (ca !== undefined) (await import("../settings/trust-authority.ts")).trustAuthority(ca);
  const baseUrl = url.href.replace(/\/+$/, "");
  const context: Context = {
    url: baseUrl,
    apiKey: await keyFor(url, flags),
    ...(ca !== undefined && { ca }),
  };
  const { FastvmClient } = await import("fastvm");
  // Refused by a server that does not know the key, whose certificate is not trusted, or that is no FastVM.
  const { orgId } = await new FastvmClient({ baseUrl, apiKey: context.apiKey }).quotas.retrieve();
  if (typeof orgId !== "string") throw new UserError(`${baseUrl} does not answer as FastVM does`);
  const { byName } = await readContexts(configDir);
  await writeContexts(configDir, { current: name, byName: new Map([...byName, [name, context]]) });
  if (flags.json === true) printJson({ name, url: baseUrl, orgId });
  else printLine(`${name} ${baseUrl}, organisation ${orgId}`);
}

function checkUrl(typed: string): URL {
  const url = URL.canParse(typed) ? new URL(typed) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new UserError(`${JSON.stringify(typed)} is no URL of a server`, "Such as https://vms.example.com");
  if (url.username !== "" || url.search !== "" || url.hash !== "")
    throw new UserError("The URL holds more than the server's address", `Such as ${url.origin}`);
  if (url.protocol === "http:" && !isLoopback(url.href))
    throw new UserError("The key would go to another machine in plain text", "Call it by https://");
  return url;
}

async function keyFor(url: URL, { apiKey, keyStdin }: { apiKey?: string } & LoginFlags): Promise<string> {
  const typed =
    keyStdin === true
      ? await text(process.stdin)
      : (apiKey ?? (await askSecret(`Key for ${url.host}: `, "--key-stdin or --api-key")));
  const key = typed.trim();
  if (key === "") throw new UserError("The key is empty");
  return key;
}

async function readFileOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new UserError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function logout(typed: string | undefined, isJson: boolean): Promise<void> {
  const { configDir } = readEnvironment();
  const contexts = await readContexts(configDir);
  const name = typed ?? contexts.current;
  if (name === undefined || findContext(contexts, name) === undefined)
    throw new UserError("You are logged in nowhere", "Where you could be: fastvm context ls");
  const byName = new Map([...contexts.byName].filter(([each]) => each !== name));
  const { current } = contexts;
  await writeContexts(configDir, { byName, ...(current !== undefined && current !== name && { current }) });
  if (isJson) printJson({ name });
  else printLine(name);
}
