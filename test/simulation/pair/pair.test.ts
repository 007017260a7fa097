import { expect, test } from "@jest/globals";
import { virtualClock } from "../virtual-clock.ts";
import { openPair } from "./pair.ts";
import { UUIDS } from "./tale.ts";
import type { Output } from "./event.ts";

const START_MS = Date.UTC(2026, 0, 1);

/** Two servers on a clock; db-a is open and not waiting, db-b receives. */
async function openedPair() {
  const clock = virtualClock(START_MS);
  const pair = openPair(clock);
  for (const node of ["db-a", "db-b"] as const) {
    pair.act({ kind: "install", node, identity: UUIDS[node] });
    pair.act({ kind: "start", node, recoveryMs: 500 });
  }
  await clock.advance(500);
  pair.act({ kind: "replicate", node: "db-b" });
  pair.act({ kind: "read-only", node: "db-a", on: false });
  pair.act({ kind: "write", node: "db-a", write: { id: "schema", client: "console", content: { kind: "schema" } } });
  return { clock, pair };
}

test("what happens by itself happens at its time, and who waits for it goes on then", async () => {
  const { clock, pair } = await openedPair();
  const heard: Output[] = [];
  pair.listen((output) => heard.push(output));
  pair.act({ kind: "delay", node: "db-b", ms: 2_000 });
  pair.act({ kind: "write", node: "db-a", write: { id: "w", client: "app", content: { kind: "row", id: "w" } } });
  const arrived: number[] = [];
  void pair.until(({ servers }) => servers["db-b"].log.size === 2, 10_000).then(() => arrived.push(clock.now()));
  await clock.advance(10_000);
  expect(arrived).toEqual([START_MS + 500 + 1 + 2_000 + 1]);
  expect(heard).toMatchObject([{ kind: "acknowledged", write: { id: "w" } }]);
  expect(clock.pending()).toBe(0);
});

test("who waits in vain is told so, and no timer is left behind", async () => {
  const { clock, pair } = await openedPair();
  const answers: boolean[] = [];
  void pair.until(() => false, 1_000).then((is) => answers.push(is));
  await clock.advance(1_000);
  expect(answers).toEqual([false]);
  pair.act({ kind: "hold", node: "db-a", ms: 60_000 });
  pair.close();
  expect(clock.pending()).toBe(0);
});

test("a quiet pair costs no timers", async () => {
  const { clock, pair } = await openedPair();
  await clock.advance(10_000);
  const before = clock.fired();
  await clock.advance(3_600_000);
  expect(clock.fired()).toBe(before);
  expect(pair.state().servers["db-b"].channel?.io).toBe("Yes");
});
