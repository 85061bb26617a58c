/**
 * A browser without a screen in a fresh VM of the base image, installed by apt. Software emulation makes minutes of what takes seconds
 * elsewhere.
 */
import { expect, test } from "vitest";
import { freshVm } from "../harness/fresh-vm.ts";
import { installDownloaded } from "../harness/native-download.ts";

const DEADLINE_MS = 1_500_000;

const PAGE = "<title>before</title><script>document.title = 'after ' + 6 * 7</script><p>hello</p>";

/** As root it wants no sandbox of its own; the VM is one. */
const CHROMIUM = "chromium-headless-shell --no-sandbox --disable-gpu --virtual-time-budget=10000";

const fresh = freshVm("c2m4", "browser");

test("Chromium runs a page's script and takes a picture of it", { timeout: DEADLINE_MS }, async () => {
  const run = (command: string): Promise<string> => fresh.sh(command, { timeoutMs: DEADLINE_MS });
  await installDownloaded(fresh.client, fresh.vm, ["chromium-headless-shell"], DEADLINE_MS);
  await run(`mkdir -p /root/web && cd /root/web && cat > index.html <<'END'\n${PAGE}\nEND`);
  await run(
    "cd /root/web && (python3 -m http.server 8000 > /root/web.log 2>&1 &) && until curl -s localhost:8000 > /dev/null; do sleep 0.2; done",
  );
  expect(await run(`${CHROMIUM} --dump-dom http://localhost:8000/ 2> /root/chromium.log`)).toContain(
    "<title>after 42</title>",
  );
  await run(
    `cd /root && ${CHROMIUM} --screenshot=/root/page.png --window-size=320,240 http://localhost:8000/ 2>> /root/chromium.log`,
  );
  expect(await run("file -b /root/page.png")).toMatch(/^PNG image data, 320 x 240/);
});
