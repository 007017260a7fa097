import { describe, expect, test } from "@jest/globals";
import { TandemError } from "../../../lib/errors.ts";
import type { Capability } from "../../../lib/reconcile/capability.ts";
import type { Outcome } from "../../../lib/reconcile/loop.ts";
import type { Action, Plan, Proposal } from "../../../lib/reconcile/plan.ts";
import { watch } from "../../../lib/reconcile/watch.ts";
import { act, loopWorld } from "./loop-fixture.ts";

const HOW = { everyMs: 1_000, tenureMs: 50_000, standByMs: 55_000, patienceMs: 20_000 };
const MINUTE = 60_000;
/** The longest time in which nobody looks when a holder hands over: one try of the successor, and one look. */
const GAP_MS_MAX = 500 + HOW.everyMs;
const KILLED_GAP_MS_MAX = 5_000 + GAP_MS_MAX;
const rest: Plan<Action> = { actions: [], because: "all is well" };
const throttled = () => new TandemError("aws-throttled", "too fast", { next: "nothing", retriable: true });

/** Runs of one watch on one clock. What a killed run still wants to do never happens. */
function watched(parts: Partial<Capability<number, Action>> = {}, forMs = 240_000) {
  const world = loopWorld({ forMs: 3_600_000 });
  const looks: { readonly at: number; readonly by: string }[] = [];
  const beats: number[] = [];
  const start = (name: string) => {
    const begun = world.clock.now();
    let isKilled = false;
    const never = new Promise<never>(() => undefined);
    const deps = {
      ...world.deps,
      clock: {
        now: world.clock.now,
        sleep: (ms: number) => world.clock.sleep(ms).then(() => (isKilled ? never : undefined)),
      },
      remainingMs: () => begun + forMs - world.clock.now(),
    };
    const capability: Capability<number, Action> = {
      observe: async () => looks.push({ at: world.clock.now(), by: name }),
      plan: () => rest,
      holds: async () => true,
      apply: async () => "done",
      beat: async () => void beats.push(world.clock.now()),
      ...parts,
    };
    const end: { outcome?: Outcome; error?: unknown; at?: number } = {};
    const running = watch("database", name, deps, capability, HOW).then(
      (outcome) => Object.assign(end, { outcome, at: world.clock.now() }),
      (error: unknown) => Object.assign(end, { error, at: world.clock.now() }),
    );
    void running;
    return { end, kill: () => void (isKilled = true) };
  };
  const longestGapMs = (from = 0): number =>
    Math.max(...looks.slice(1).map(({ at }, index) => (at < from ? 0 : at - (looks[index]?.at ?? at))));
  return { ...world, start, looks, beats, longestGapMs };
}

describe("a watch whose runs begin every minute", () => {
  test("is handed over from run to run without a gap, and somebody stands by nearly always", async () => {
    const { start, clock, looks, longestGapMs } = watched();
    const begun = clock.now();
    const runs: ReturnType<typeof start>[] = [];
    for (let minute = 0; minute < 10; minute++) {
      runs.push(start(`run ${minute}`));
      await clock.advance(MINUTE);
    }

    expect(longestGapMs()).toBeLessThanOrEqual(GAP_MS_MAX);
    expect(looks.length).toBeGreaterThan(9 * 55);
    const firstLooks = runs.map((_, n) => looks.find(({ by }) => by === `run ${n}`)?.at ?? 0);
    // Each takes over 55 s after it began to stand by, so that the next one is there 5 s later.
    const stoodByMs = firstLooks.slice(1, 9).map((at, n) => at - begun - (n + 1) * MINUTE);
    expect(Math.min(...stoodByMs)).toBeGreaterThanOrEqual(HOW.standByMs);
    expect(Math.max(...stoodByMs)).toBeLessThanOrEqual(HOW.standByMs + 2 * GAP_MS_MAX);
    expect(runs.slice(0, 8).map(({ end }) => end.outcome?.ended)).toEqual(
      Array.from({ length: 8 }, () => "handed-over"),
    );
  });

  test("goes on within the life of a lease when the one who watches is killed", async () => {
    const { start, clock, looks, longestGapMs } = watched();
    const first = start("first");
    await clock.advance(MINUTE);
    start("second");
    await clock.advance(10_000);

    first.kill();
    await clock.advance(10_000);

    expect(longestGapMs()).toBeLessThanOrEqual(KILLED_GAP_MS_MAX);
    expect(looks.at(-1)?.by).toBe("second");
  });

  test("whose run is started twice ends the one too many after its patience", async () => {
    const { start, clock, longestGapMs } = watched();
    start("first");
    await clock.advance(MINUTE);
    start("second");
    const begun = clock.now();
    const extra = start("extra");
    await clock.advance(30_000);

    expect(extra.end.outcome).toMatchObject({
      ended: "coalesced",
      because: "one watches already and another stands by",
      passes: 0,
    });
    expect((extra.end.at ?? 0) - begun).toBeLessThanOrEqual(HOW.patienceMs + 1_000);
    expect(longestGapMs()).toBeLessThanOrEqual(GAP_MS_MAX);
  });

  test("whose next run comes late goes on until it is there", async () => {
    const { start, clock, looks, longestGapMs } = watched();
    start("first");
    await clock.advance(100_000);
    expect(looks.at(-1)?.by).toBe("first");

    start("late");
    await clock.advance(MINUTE);

    expect(looks.at(-1)?.by).toBe("late");
    expect(longestGapMs()).toBeLessThanOrEqual(GAP_MS_MAX);
  });

  test("whose next run never comes gives the scope back before its time is over", async () => {
    const { start, clock, table } = watched({}, 120_000);
    const only = start("only");
    await clock.advance(120_000);

    expect(only.end.outcome).toMatchObject({ ended: "out-of-time" });
    expect(table.items.get("lease|database")).not.toHaveProperty("holder");
  });

  test("is superseded, and looks no more, when it was too slow to keep its lease", async () => {
    const { start, clock, deps, looks } = watched();
    const slow = start("slow");
    await clock.advance(2_500);
    const lease = await deps.leases.request("database");
    expect(lease).toBeUndefined();
    slow.kill();
    await clock.advance(6_000);
    const count = looks.length;

    expect(await deps.leases.request("database")).toBeDefined();
    await clock.advance(10_000);
    expect(looks).toHaveLength(count);
  });
});

describe("a watch that fails", () => {
  test("says so once a minute and goes on; at the end of its tenure the invocation fails and the next run watches", async () => {
    const { start, clock, deps, looks } = watched({ observe: () => Promise.reject(throttled()) });
    const failing = start("failing");
    await clock.advance(MINUTE);
    start("next");
    await clock.advance(50_000);
    expect(failing.end).toEqual({});
    await clock.advance(10_000);

    expect(failing.end.error).toMatchObject({ code: "aws-throttled" });
    const lines = (await deps.journal.read(0, 100)).filter(({ cause }) => cause === "failing");
    expect(lines.map(({ result }) => result)).toEqual([
      "failed: aws-throttled: too fast; it is tried again",
      "failed: aws-throttled: too fast; it is tried again",
    ]);
    expect(looks).toEqual([]);
  });

  test("and recovers hands over as if nothing had been", async () => {
    let fails = true;
    const { start, clock } = watched({ observe: () => (fails ? Promise.reject(throttled()) : Promise.resolve(0)) });
    const first = start("first");
    await clock.advance(20_000);
    fails = false;
    await clock.advance(40_000);
    start("next");
    await clock.advance(58_000);

    expect(first.end.outcome).toMatchObject({ ended: "handed-over" });
  });

  test("does not leave the scope to nobody: without a successor it goes on, and fails when its time is over", async () => {
    const { start, clock } = watched({ observe: () => Promise.reject(throttled()) }, 120_000);
    const failing = start("failing");
    await clock.advance(100_000);
    expect(failing.end).toEqual({});
    await clock.advance(20_000);

    expect(failing.end.error).toMatchObject({ code: "aws-throttled" });
  });
});

describe("a watch that wants something", () => {
  const wanting: Plan<Action> = { actions: [act("promote")], because: "the writer is dead" };

  test("and is frozen says what it would do once a minute, and does not beat meanwhile", async () => {
    const { start, clock, deps, beats } = watched({ plan: () => wanting });
    await deps.freezes.set({ scope: "database", until: clock.now() + 600_000 });
    start("frozen");
    await clock.advance(119_000);

    const lines = await deps.journal.read(0, 100);
    const saying = { action: "promote", result: expect.stringContaining("dry run: database is frozen") };
    expect(lines).toMatchObject([saying, saying]);
    expect(beats).toEqual([]);
  });

  test("beats with every look at rest, and with none that acts or fails", async () => {
    const plans = [rest, wanting, rest, rest];
    let at = 0;
    const { start, clock, beats, looks } = watched({ plan: () => plans[Math.min(at++, 3)] ?? rest });
    start("first");
    await clock.advance(4_500);

    expect(looks.length).toBe(at);
    expect(beats).toHaveLength(looks.length - 1);
  });

  test("acts under its fence and looks again at once, and is woken within a second by whoever asks", async () => {
    let isDone = false;
    const fences: number[] = [];
    const { start, clock, deps, looks } = watched({
      plan: () => (isDone ? { ...rest, lookAgainMs: 30_000 } : wanting),
      apply: async (_action, { fence }) => {
        isDone = true;
        fences.push(fence);
        return "done";
      },
    });
    start("first");
    await clock.advance(100);
    expect([fences, looks.length]).toEqual([[1], 2]);

    await deps.leases.request("database");
    await clock.advance(1_000);

    expect(looks).toHaveLength(3);
  });
});

describe("what waits for a human's word", () => {
  const proposal = (id: string): Proposal => ({
    id,
    action: "promote db-b",
    reason: "db-a is dead",
    evidence: { gtid: "" },
  });

  test("is stored when it comes up, replaced when it changes, and gone when it is over", async () => {
    let proposals: readonly Proposal[] | undefined = [proposal("p1")];
    const { start, clock, deps } = watched({
      plan: () => ({ ...rest, ...(proposals === undefined ? {} : { proposals }) }),
    });
    const stored = async () => (await deps.proposals.of("database")).map(({ id }) => id);
    start("first");
    await clock.advance(1_500);
    expect(await stored()).toEqual(["p1"]);

    proposals = [proposal("p2"), proposal("p3")];
    await clock.advance(1_500);
    expect(await stored()).toEqual(["p2", "p3"]);

    proposals = [];
    await clock.advance(1_500);
    expect(await stored()).toEqual([]);
  });

  test("is not written anew by every look, nor by the next run", async () => {
    const { start, clock, table } = watched({ plan: () => ({ ...rest, proposals: [proposal("p1")] }) });
    start("first");
    await clock.advance(1_500);
    const item = table.items.get("proposals|database");
    await clock.advance(MINUTE);
    start("second");
    await clock.advance(MINUTE);

    expect(item).toBeDefined();
    expect(table.items.get("proposals|database")).toBe(item);
  });

  test("that Tandem did not write is not taken for nothing", async () => {
    const { deps, table } = watched();
    await table.put({ pk: "proposals", sk: "database", list: [{ id: 1 }] });

    await expect(deps.proposals.of("database")).rejects.toMatchObject({ code: "state-corrupt" });
  });

  test("is not overwritten by a holder that was overtaken", async () => {
    const { deps } = watched();
    await deps.proposals.set("database", [proposal("new")], 2);
    await deps.proposals.set("database", [], 1);

    expect(await deps.proposals.of("database")).toEqual([proposal("new")]);
  });
});
