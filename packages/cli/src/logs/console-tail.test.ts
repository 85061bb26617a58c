import { describe, expect, it } from "vitest";
import { newsOf, wholeCharacters } from "./console-tail.ts";

const LOG = Array.from({ length: 200 }, (_, at) => `[${at}.5] line ${at % 7} of é\n`).join("");

describe("what is new in a log's end", () => {
  it("is what follows, also when the beginning has gone meanwhile", () => {
    const size = 300;
    let seen = LOG.slice(0, 10);
    let before = seen;
    for (let end = 10; end <= LOG.length; end += 37) {
      const after = LOG.slice(Math.max(0, end - size), end);
      const { text, isGap } = newsOf(before, after);
      expect(isGap).toBe(false);
      seen += text;
      before = after;
      expect(seen).toBe(LOG.slice(0, end));
    }
  });

  it("says when more was written than is kept", () => {
    expect(newsOf("abc", "xyz")).toEqual({ text: "xyz", isGap: true });
    expect(newsOf("", "xyz")).toEqual({ text: "xyz", isGap: false });
    expect(newsOf("abc", "abc")).toEqual({ text: "", isGap: false });
  });

  it("waits for the rest of a character, and passes over what is left of one", () => {
    expect(wholeCharacters("a\ufffd")).toBe("a");
    expect(newsOf("xéa", "\ufffdab")).toEqual({ text: "b", isGap: false });
  });
});
