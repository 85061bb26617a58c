/** Joins this terminal and a command in the background: its output here, and what is typed to it when it is on a terminal. */
import type { CommandHandle } from "fastvm";
import { remark, writeBytes } from "../output/print.ts";

/** As of `fastvm console`. */
const LEAVE_KEY = 0x1d;
/** What `fastvm attach` answers who left: the command goes on. */
const LEFT_EXIT_CODE = 0;

/** Resolves with the command's exit code, or with 0 for who left, of which `onLeave` is told. */
export async function attachCommand(
  handle: CommandHandle,
  signal: AbortSignal,
  onLeave: () => void = () => undefined,
): Promise<number> {
  const isTerminal = handle.state.pty !== undefined && process.stdin.isTTY && process.stdout.isTTY;
  const leaving = new AbortController();
  const keyboard = isTerminal ? joinKeyboard(handle, () => leaving.abort()) : undefined;
  if (isTerminal) remark("Ctrl-] leaves");
  try {
    const reading = { signal: AbortSignal.any([signal, leaving.signal]) };
    for await (const event of handle.output({}, reading)) {
      if (event.type === "exit") {
        if (event.timedOut) remark("fastvm: the command's time ran out");
        return event.exitCode;
      }
      if (event.type !== "place") {
        await writeBytes(event.type === "stdout" ? process.stdout : process.stderr, event.data);
      } else if (event.lostBytes > 0) {
        remark(`fastvm: ${event.lostBytes} bytes before this were not kept`);
      }
    }
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
    onLeave();
  } finally {
    keyboard?.[Symbol.dispose]();
  }
  return LEFT_EXIT_CODE;
}

/** Keys in the order in which they are typed, each sent when the one before has arrived. */
function joinKeyboard(handle: CommandHandle, leave: () => void): Disposable {
  const { stdin, stdout } = process;
  let sent = Promise.resolve();
  const send = (task: () => Promise<void>): void => {
    // The output tells how the command ended; a key that came too late tells nothing more.
    sent = sent.then(task).catch(() => undefined);
  };
  const onInput = (data: Buffer): void => {
    const end = data.indexOf(LEAVE_KEY);
    const keys = end === -1 ? data : data.subarray(0, end);
    if (keys.length > 0) send(() => handle.sendStdin(keys));
    if (end !== -1) leave();
  };
  const tellSize = (): void => send(() => handle.resize({ cols: stdout.columns, rows: stdout.rows }));
  tellSize();
  stdout.on("resize", tellSize);
  stdin.setRawMode(true).on("data", onInput);
  return {
    [Symbol.dispose]: () => {
      stdin.setRawMode(false).off("data", onInput).pause();
      stdout.off("resize", tellSize);
    },
  };
}
