import { expect, test } from "vitest";
import { parseStart } from "./image-start.ts";

const IMAGE = { image: "app" };

test.each([
  [{}, undefined],
  [{ command: "run" }, { command: "run", ready: undefined, timeoutSec: 60 }],
  [
    { command: "run", readyPort: 80, timeoutSec: 5 },
    { command: "run", ready: { kind: "port", port: 80 }, timeoutSec: 5 },
  ],
  [
    { command: "run", readyHttp: "http://localhost/" },
    { command: "run", ready: { kind: "http", url: "http://localhost/" }, timeoutSec: 60 },
  ],
  [
    { command: "run", readyCommand: "check" },
    { command: "run", ready: { kind: "command", command: "check" }, timeoutSec: 60 },
  ],
])("%j is understood", (body, start) => {
  expect(parseStart({ ...IMAGE, ...body })).toEqual(start);
});

test.each([
  [{ readyPort: 80 }, "command"],
  [{ command: "run", readyPort: 80, readyCommand: "check" }, "readyCommand"],
])("%j is refused", (body, field) => {
  expect(() => parseStart({ ...IMAGE, ...body })).toThrow(
    expect.objectContaining({ code: "invalid_request", field }),
  );
});
