/** Cuts a stream of bytes into the JSON values of its lines; a line may come in any number of pieces. */
import { FastvmError } from "../errors.ts";

/** The server sends output in pieces far smaller than this; more means that the other end is no FastVM server. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;

/** Blank lines are heartbeats and are skipped; the last line needs no newline. */
export async function* readNdjson(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<unknown, void, undefined> {
  const decoder = new TextDecoder();
  // Pieces of the line that is not finished yet, joined once at its end so that a long line costs linear time.
  let pieces: string[] = [];
  let pendingChars = 0;
  for await (const chunk of chunks) {
    const lines = decoder.decode(chunk, { stream: true }).split("\n");
    const rest = lines.pop() ?? "";
    for (const line of lines) {
      const whole = pieces.join("") + line;
      pieces = [];
      pendingChars = 0;
      if (whole.trim() !== "") yield parseLine(whole);
    }
    pendingChars += rest.length;
    if (pendingChars > MAX_LINE_BYTES)
      throw new FastvmError(`A line of the stream is over ${MAX_LINE_BYTES} bytes`);
    if (rest !== "") pieces.push(rest);
  }
  const last = pieces.join("") + decoder.decode();
  if (last.trim() !== "") yield parseLine(last);
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new FastvmError(`A line of the stream is not JSON: ${line.slice(0, 200)}`, { cause });
  }
}
