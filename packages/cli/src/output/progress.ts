/** A spinner on stderr while something is waited for: only on a terminal, and only when it takes long enough to wonder. */

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 80;
const CLEAR_LINE = "\r\u001b[2K";

export async function withProgress<Result>(text: string, work: () => Promise<Result>): Promise<Result> {
  if (!process.stderr.isTTY) return work();
  const startedAt = performance.now();
  let frame = 0;
  const timer = setInterval(() => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    process.stderr.write(`${CLEAR_LINE}${FRAMES[frame++ % FRAMES.length]} ${text} ${seconds} s`);
  }, FRAME_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    process.stderr.write(CLEAR_LINE);
  }
}
