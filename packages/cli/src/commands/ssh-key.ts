/** Keys that open the user's VMs, those that run and those to come: `fastvm ssh` needs one. */
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { printJson, printLine } from "../output/print.ts";
import { renderTable } from "../output/table.ts";
import { UserError } from "../user-error.ts";
import { apiCommand } from "./api-command.ts";

export function sshKeyCommand(): Command {
  return new Command("ssh-key")
    .description("Work with the SSH keys that open your VMs")
    .addCommand(addCommand())
    .addCommand(listCommand())
    .addCommand(removeCommand());
}

function addCommand(): Command {
  return apiCommand<{ readonly name?: string }>({
    name: "add",
    operands: ["<file>"],
    summary: "Let a public key, such as ~/.ssh/id_ed25519.pub, log in as root",
    configure: (command) => command.option("-n, --name <name>", "a name for the key"),
    run: async ({ session, operands: [file = ""], options: { name } }) => {
      const key = await session.client.me.sshKeys.add(
        { publicKey: await readPublicKey(file), name },
        { signal: session.signal },
      );
      if (session.isJson) printJson(key);
      else printLine(key.fingerprint);
    },
  });
}

function listCommand(): Command {
  return apiCommand({
    name: "ls",
    summary: "List the keys",
    configure: (command) => command.alias("list"),
    run: async ({ session }) => {
      const { keys } = await session.client.me.sshKeys.list({ signal: session.signal });
      if (session.isJson) printJson(keys);
      else {
        const rows = keys.map(({ fingerprint, name, createdAt }) => [fingerprint, name ?? "-", createdAt]);
        printLine(renderTable(["FINGERPRINT", "NAME", "CREATED"], rows));
      }
    },
  });
}

function removeCommand(): Command {
  return apiCommand({
    name: "rm",
    operands: ["<fingerprint>"],
    summary: "Let a key log in no more",
    run: async ({ session, operands: [fingerprint = ""] }) => {
      const deleted = await session.client.me.sshKeys.delete(fingerprint, { signal: session.signal });
      if (session.isJson) printJson(deleted);
      else printLine(fingerprint);
    },
  });
}

/** A private key is told from a public one before it leaves this machine. */
async function readPublicKey(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`${file} cannot be read: ${error.code ?? error.message}`);
  });
  if (text.includes("PRIVATE KEY")) {
    throw new UserError(`${file} is a private key`, `Name the public one: ${file}.pub`);
  }
  return text.trim();
}
