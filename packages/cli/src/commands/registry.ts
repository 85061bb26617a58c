/** Logins at registries of images, which pulls of the organisation use. */
import { text } from "node:stream/consumers";
import { Command } from "commander";
import { askSecret } from "../output/ask-secret.ts";
import { localTime } from "../output/format.ts";
import { printJson, printLine } from "../output/print.ts";
import { renderTable } from "../output/table.ts";
import { UserError } from "../user-error.ts";
import { apiCommand } from "./api-command.ts";

interface LoginFlags {
  readonly username: string;
  readonly passwordStdin?: boolean;
}

export function registryCommand(): Command {
  return new Command("registry")
    .description("Keep logins at registries of images, for pulls of yours")
    .addCommand(loginCommand())
    .addCommand(logoutCommand())
    .addCommand(listCommand());
}

function loginCommand(): Command {
  return apiCommand<LoginFlags>({
    name: "login",
    operands: ["<registry>"],
    summary: "Keep a user name and a password, such as for docker.io or registry.example.com:5000",
    configure: (command) =>
      command
        .requiredOption("-u, --username <name>", "who you are there")
        .option("--password-stdin", "read the password from stdin (default: ask for it)"),
    run: async ({ session, operands: [registry = ""], options: { username, passwordStdin } }) => {
      const password =
        passwordStdin === true
          ? (await text(process.stdin)).replace(/\r?\n$/, "")
          : await askSecret(`Password of ${username} at ${registry}: `, "--password-stdin");
      if (password === "") throw new UserError("The password is empty");
      const { signal } = session;
      const login = await session.client.registries.set(registry, { username, password }, { signal });
      if (session.isJson) printJson(login);
      else printLine(`${login.registry} ${login.username}`);
    },
  });
}

function logoutCommand(): Command {
  return apiCommand({
    name: "logout",
    operands: ["<registry>"],
    summary: "Forget a login",
    run: async ({ session, operands: [registry = ""] }) => {
      const deleted = await session.client.registries.delete(registry, { signal: session.signal });
      if (session.isJson) printJson(deleted);
      else printLine(deleted.id);
    },
  });
}

function listCommand(): Command {
  return apiCommand({
    name: "ls",
    summary: "List the logins, without their passwords",
    configure: (command) => command.alias("list"),
    run: async ({ session }) => {
      const logins = await session.client.registries.list({ signal: session.signal });
      if (session.isJson) printJson(logins);
      else {
        const rows = logins.map(({ registry, username, updatedAt }) => [
          registry,
          username,
          localTime(updatedAt),
        ]);
        printLine(renderTable(["REGISTRY", "USER", "SINCE"], rows));
      }
    },
  });
}
