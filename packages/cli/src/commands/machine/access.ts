/** `machine ssh-access`: a public key, signed for logins of minutes. */
import { readFile, writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { positiveInteger } from "../../command-line/option-values.ts";
import { UserError } from "../../user-error.ts";
import { machineCommand } from "./machine-command.ts";
import { show } from "./show.ts";

/** A line of a key file, and no path. */
const KEY = /^(ssh|ecdsa|sk)-\S+ /;

interface Flags {
  readonly publicKey: string;
  readonly ttl?: number;
  readonly out?: string;
}

export function sshAccessCommand(): Command {
  return machineCommand<Flags>({
    name: "ssh-access",
    operands: ["<machine>"],
    summary: "Sign a public key for this machine, and print the certificate",
    example: "ssh-access MACHINE --public-key 'ssh-ed25519 AAAA' --ttl 600",
    configure: (command) =>
      command
        .requiredOption("--public-key <file>", "the key, or a file with it such as ~/.ssh/id_ed25519.pub")
        .option("--ttl <seconds>", "how long it is good, up to an hour (default: 900)", positiveInteger)
        .option("--out <file>", "write it there, and print the command that logs in"),
    run: async ({ operands: [id = ""], options: { publicKey, ttl, out }, isJson, api, machines }) => {
      const key = KEY.test(publicKey) ? publicKey : await contentOf(publicKey);
      const machine = await machines.attach(id, api);
      const access = await machine.createSshAccess(key, { ttlSeconds: ttl, signal: api.signal });
      if (out !== undefined) await writeFile(out, `${access.certificate}\n`);
      const command = `${access.command ?? "ssh"} -o CertificateFile=${out ?? ""}`;
      show(isJson, access, () => (out === undefined ? access.certificate : command));
    },
  });
}

async function contentOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
