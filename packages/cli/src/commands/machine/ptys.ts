/** `machine pty …`: terminals of a machine, and this terminal at one of them. */
import { Command } from "commander";
import type { PtySession } from "fastvm/machines";
import { takesRemoteCommand } from "../../command-line/remote-command.ts";
import { printJson, remark, writeBytes } from "../../output/print.ts";
import { renderTable } from "../../output/table.ts";
import { machineCommand } from "./machine-command.ts";
import { show } from "./show.ts";

/** As of `fastvm console`. */
const LEAVE_KEY = 0x1d;
/** For a reader that is no terminal. */
const USUAL_SIZE = { columns: 80, rows: 24 };

export function ptyCommand(): Command {
  const command = new Command("pty").description("Work with a machine's terminals");
  for (const each of [create(), connect(), list(), kill()]) command.addCommand(each);
  return command;
}

interface CreateFlags {
  readonly cwd?: string;
  readonly detach?: boolean;
}

function create(): Command {
  const command = machineCommand<CreateFlags>({
    name: "create",
    operands: ["<machine>", "[command...]"],
    summary: "Begin a terminal, by default with a login shell, and be at it; Ctrl-] leaves it running",
    example: "pty create MACHINE",
    configure: (each) =>
      each
        .option("--cwd <folder>", "folder to begin in")
        .option("-d, --detach", "leave it running, and print its session"),
    run: async ({
      operands: [id = "", program, ...args],
      options: { cwd, detach },
      isJson,
      api,
      machines,
    }) => {
      const { columns: cols, rows } = process.stdout.isTTY ? process.stdout : USUAL_SIZE;
      const { pty } = await machines.attach(id, api);
      const session = await pty.create(
        { cols, rows, cwd, ...(program === undefined ? {} : { command: program, args }) },
        api,
      );
      if (isJson || detach === true) await leave(session, isJson);
      else await join(session);
    },
  });
  return takesRemoteCommand(command, 1);
}

function connect(): Command {
  return machineCommand({
    name: "connect",
    operands: ["<machine>", "<session>"],
    summary: "Be at a terminal that is there, with all that it still shows",
    example: "pty connect MACHINE pty_1",
    run: async ({ operands: [id = "", session = ""], isJson, api, machines }) => {
      const { pty } = await machines.attach(id, api);
      const found = await pty.connect(session, api);
      if (isJson) await leave(found, isJson);
      else await join(found);
    },
  });
}

/** It goes on. */
async function leave(session: PtySession, isJson: boolean): Promise<void> {
  const { sessionId = "", pid } = session;
  await session.disconnect();
  show(isJson, { sessionId, pid }, () => sessionId);
}

/** Its exit code is ours; 0 for who leaves by the key. */
async function join(session: PtySession): Promise<void> {
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  if (isTerminal) remark("Ctrl-] leaves");
  const keyboard = isTerminal ? joinKeyboard(session) : undefined;
  try {
    for await (const { stream, data } of session) {
      if (stream === "lost") remark("fastvm: some of what it showed was not kept");
      else await writeBytes(process.stdout, data);
    }
  } finally {
    keyboard?.[Symbol.dispose]();
  }
  process.exitCode = session.exitCode ?? 0;
  if (session.exitCode === undefined) remark(`\r\nIt goes on: ${session.sessionId ?? ""}`);
}

function joinKeyboard(session: PtySession): Disposable {
  const { stdin, stdout } = process;
  const onInput = (data: Buffer): void => {
    const end = data.indexOf(LEAVE_KEY);
    const keys = end === -1 ? data : data.subarray(0, end);
    if (keys.length > 0) session.sendInput(keys);
    if (end !== -1) void session.disconnect();
  };
  const tellSize = (): void => session.resize(stdout.columns, stdout.rows);
  stdout.on("resize", tellSize);
  stdin.setRawMode(true).on("data", onInput);
  return {
    [Symbol.dispose]: () => {
      stdin.setRawMode(false).off("data", onInput).pause();
      stdout.off("resize", tellSize);
    },
  };
}

function list(): Command {
  return machineCommand({
    name: "list",
    operands: ["<machine>"],
    summary: "Its terminals, oldest first",
    example: "pty list MACHINE",
    run: async ({ operands: [id = ""], isJson, api, machines }) => {
      const found = await (await machines.attach(id, api)).pty.list(api);
      if (isJson) printJson(found);
      else {
        const rows = found.map(({ sessionId }) => [sessionId]);
        process.stdout.write(`${renderTable(["SESSION"], rows)}\n`);
      }
    },
  });
}

function kill(): Command {
  return machineCommand({
    name: "kill",
    operands: ["<machine>", "<session>"],
    summary: "End a terminal, with all that runs in it",
    example: "pty kill MACHINE pty_1",
    run: async ({ operands: [id = "", session = ""], isJson, api, machines }) => {
      const killed = await (await machines.attach(id, api)).pty.kill(session, api);
      show(isJson, { killed }, () => (killed ? session : `${session} had ended`));
    },
  });
}
