/** Following an organisation's events, from wherever, by whomever they were written. */
import type { OrgId } from "@fastvm/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually } from "../../testing/eventually.ts";
import { testApp, OTHER_KEY, type TestApp } from "../../testing/test-app.ts";
import { EventFeed, type EventPage } from "./event-feed.ts";

const NEVER_MS = 3_600_000;
const SOON_MS = 5;

let api: TestApp;
const feeds: EventFeed[] = [];

beforeEach(async () => {
  api = await testApp();
});

afterEach(async () => {
  for (const feed of feeds.splice(0)) feed.close();
  await api[Symbol.asyncDispose]();
});

function feedOf(pollMs = NEVER_MS, store = api.store): EventFeed {
  const feed = new EventFeed(store, pollMs);
  feeds.push(feed);
  return feed;
}

interface Followed {
  readonly pages: EventPage[];
  readonly causes: () => string[];
  readonly done: Promise<void>;
}

function follow(feed: EventFeed, after?: number, signal?: AbortSignal, orgId: OrgId = api.orgId): Followed {
  const pages: EventPage[] = [];
  const done = (async () => {
    for await (const page of feed.follow(orgId, { after, signal })) pages.push(page);
  })();
  return { pages, done, causes: () => pages.flatMap(({ events }) => events.map(({ cause }) => cause)) };
}

async function launch(key?: string): Promise<string> {
  const answer = await api.call("POST /v1/vms", { machineType: "c1m2" }, key === undefined ? {} : { key });
  return answer.body.id as string;
}

test("what this process commits is told at once, of the organisation and of no other", async () => {
  const followed = follow(feedOf(), 0);
  await launch(OTHER_KEY);
  const id = await launch();
  await api.call(`POST /v1/vms/${id}/pause`);
  const all = ["launch_requested", "launch_succeeded", "pause_started", "pause_succeeded"];
  await eventually(() => expect(followed.causes()).toEqual(all));
  expect(followed.pages.every(({ isAfterGap }) => !isAfterGap)).toBe(true);
});

test("what another process commits is found by asking", async () => {
  // Another process has notices of its own: here nobody tells.
  const deaf = { ...api.store, onEvents: () => () => undefined };
  const followed = follow(feedOf(SOON_MS, deaf), 0);
  await launch();
  await eventually(() => expect(followed.causes()).toEqual(["launch_requested", "launch_succeeded"]));
  await launch();
  await eventually(() => expect(followed.causes()).toHaveLength(4));
});

test("without a number it begins with what comes, with one behind it", async () => {
  const id = await launch();
  const feed = feedOf();
  const [fresh, behind] = [follow(feed), follow(feed, 1)];
  await eventually(() => expect(behind.causes()).toEqual(["launch_succeeded"]));
  await api.call(`DELETE /v1/vms/${id}`);
  await eventually(() => expect(fresh.causes()).toEqual(["delete_started", "deleted"]));
  expect(behind.causes()).toEqual(["launch_succeeded", "delete_started", "deleted"]);
});

test("a follower that is slow gets all of it, page by page", async () => {
  await launch();
  const event = (await api.store.events.after(api.orgId, 0, 1))[0];
  if (event === undefined) throw new Error("no event");
  await api.store.transaction(async (records) => {
    for (let i = 0; i < 600; i += 1)
      await records.events.append({ ...event, subjectId: "many", toStatus: null });
  });
  const followed = follow(feedOf(), 0);
  await eventually(() => expect(followed.causes()).toHaveLength(602));
  const ids = followed.pages.flatMap(({ events }) => events.map(({ id }) => id));
  expect(ids).toEqual(Array.from({ length: 602 }, (_, i) => i + 1));
  expect(followed.pages.length).toBeGreaterThan(2);
});

test("who comes back after events were forgotten, or with a number of another history, is told so", async () => {
  await launch();
  await launch();
  await api.store.events.prune(1);
  const feed = feedOf();
  const [late, ahead] = [follow(feed, 1), follow(feed, 99)];
  await eventually(() => expect(late.pages).toMatchObject([{ isAfterGap: true, events: [{ id: 4 }] }]));
  await eventually(() => expect(ahead.pages).toEqual([{ isAfterGap: true, events: [] }]));
  await launch();
  await eventually(() => expect(ahead.causes()).toEqual(["launch_requested", "launch_succeeded"]));
});

test("it ends with its signal, and with the feed", async () => {
  const feed = feedOf(SOON_MS);
  const gone = new AbortController();
  const [one, other] = [follow(feed, undefined, gone.signal), follow(feed)];
  gone.abort();
  await one.done;
  await launch();
  await eventually(() => expect(other.causes()).toHaveLength(2));
  expect(one.causes()).toEqual([]);
  feed.close();
  await other.done;
});
