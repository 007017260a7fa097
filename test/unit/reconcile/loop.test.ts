import { describe, expect, test } from "@jest/globals";
import { TandemError } from "../../../lib/errors.ts";
import { reconcile } from "../../../lib/reconcile/loop.ts";
import { act, loopWorld, scripted } from "./loop-fixture.ts";

const rest = { actions: [], because: "all is well" };
const throttled = () => new TandemError("aws-throttled", "too fast", { next: "nothing", retriable: true });
const denied = () => new TandemError("aws-denied", "not allowed", { next: "allow it" });

describe("a look at a scope", () => {
  test("that finds nothing to do writes nothing to the journal and leaves the lease free", async () => {
    const { deps, logged, table } = loopWorld();
    const { capability } = scripted([rest]);
    const outcome = await reconcile("web", "the clock", deps, capability);
    expect(outcome).toMatchObject({ ended: "rest", because: "nothing to do: all is well", passes: 1, lines: [] });
    expect(logged).toEqual([]);
    expect([...table.items.keys()]).toEqual(["lease|web"]);
    expect(table.items.get("lease|web")).not.toHaveProperty("holder");
  });

  test("applies what is planned under its fence, journals it, logs it, puts it on the bus, and looks again", async () => {
    const { deps, logged, published } = loopWorld();
    const { capability, applied, looks } = scripted([{ actions: [act("grow"), act("tell")], because: "busy" }, rest]);
    const outcome = await reconcile("web", "an alarm", deps, capability);
    expect(applied).toEqual(["grow under fence 1", "tell under fence 1"]);
    expect(looks()).toBe(2);
    expect(outcome.ended).toBe("rest");
    const journal = await deps.journal.read(0, 10);
    expect(journal).toMatchObject([
      { action: "grow", phase: "planned", result: "begun" },
      { action: "grow", phase: "applied", cause: "an alarm", scope: "web", fence: 1, result: "done: grow was done" },
      { action: "tell", phase: "planned", result: "begun" },
      { action: "tell", phase: "applied", reason: "tell is wanted" },
    ]);
    expect(logged).toEqual(journal);
    expect(published).toEqual(journal);
  });

  test("returns at once when somebody else holds the scope, who then looks again", async () => {
    const { deps } = loopWorld();
    const other = await deps.leases.request("web");
    const { capability, looks } = scripted([rest]);
    expect(await reconcile("web", "an alarm", deps, capability)).toMatchObject({ ended: "coalesced", passes: 0 });
    expect(looks()).toBe(0);
    expect(await other?.release(other.wanted())).toBe("wanted");
  });

  test("looks again before it leaves when somebody asked while it was looking", async () => {
    const { deps } = loopWorld();
    let looks = 0;
    const { capability } = scripted([rest], {
      observe: async () => {
        if (looks++ === 0) await deps.leases.request("web");
        return 0;
      },
    });
    expect(await reconcile("web", "an alarm", deps, capability)).toMatchObject({ ended: "rest", passes: 2 });
  });

  test("applies nothing whose precondition no longer holds, and looks again instead", async () => {
    const { deps } = loopWorld();
    const { capability, applied } = scripted([{ actions: [act("stop"), act("drop")], because: "idle" }, rest], {
      holds: async (action) => (action.kind === "stop" ? "a request came in" : true),
    });
    const outcome = await reconcile("web", "an alarm", deps, capability);
    expect(applied).toEqual([]);
    expect(outcome.lines).toMatchObject([
      { action: "stop", phase: "planned", result: "not applied: a request came in" },
    ]);
  });

  test("is explained by the journal even if its controller ends in the middle of the act", async () => {
    const { deps } = loopWorld();
    const { capability } = scripted([{ actions: [act("grow")], because: "busy" }], {
      apply: () => new Promise(() => undefined),
    });
    void reconcile("web", "an alarm", deps, capability);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await deps.journal.read(0, 10)).toMatchObject([
      { action: "grow", phase: "planned", reason: "grow is wanted", result: "begun" },
    ]);
  });

  test("applies nothing more once the lease is lost to somebody else", async () => {
    const { deps, clock, table } = loopWorld();
    const { capability, applied } = scripted([{ actions: [act("grow")], because: "busy" }], {
      holds: async () => {
        await clock.advance(60_000);
        await deps.leases.request("web");
        return true;
      },
    });
    const outcome = await reconcile("web", "an alarm", deps, capability);
    expect(outcome.ended).toBe("superseded");
    expect(applied).toEqual([]);
    expect(table.items.get("lease|web")).toMatchObject({ fence: 2 });
    expect(table.items.get("lease|web")).toHaveProperty("holder");
  });

  test("says of an act that outlasted its lease that it did, and begins nothing after it", async () => {
    const { deps, clock } = loopWorld();
    const { capability } = scripted([{ actions: [act("stop"), act("drop")], because: "busy" }], {
      apply: async ({ kind }) => {
        await clock.advance(60_000);
        await deps.leases.request("web");
        return `${kind} done`;
      },
    });
    const outcome = await reconcile("web", "an alarm", deps, capability);
    expect(outcome.ended).toBe("superseded");
    expect(outcome.lines).toMatchObject([
      { action: "stop", phase: "planned", result: "begun" },
      { action: "stop", phase: "applied", result: "done, when the lease was lost already: stop done" },
    ]);
  });

  test("hands open wishes of the operator to the observation", async () => {
    const { deps, clock } = loopWorld();
    const wish = { id: "r1", scope: "web", action: "scale", args: { count: 3 }, state: "pending" } as const;
    await deps.requests.put({ ...wish, createdAt: clock.now(), expiresAt: clock.now() + 60_000 });
    const heard: unknown[] = [];
    const { capability } = scripted([rest], { observe: async (_scope, requests) => heard.push(...requests) });
    await reconcile("web", "an operator", deps, capability);
    expect(heard).toMatchObject([{ id: "r1", action: "scale", args: { count: 3 } }]);
  });
});

describe("a look that waits for work elsewhere", () => {
  test("sleeps as long as the plan says, and keeps its lease meanwhile", async () => {
    const { deps, clock } = loopWorld();
    const { capability, looks } = scripted([{ ...rest, lookAgainMs: 30_000 }, rest]);
    const running = reconcile("database", "a launch", deps, capability);
    await clock.advance(29_000);
    expect(looks()).toBe(1);
    await clock.advance(1_500);
    expect(await running).toMatchObject({ ended: "rest", passes: 2 });
  });

  test("wakes within a second when somebody asks", async () => {
    const { deps, clock } = loopWorld();
    const { capability, looks } = scripted([{ ...rest, lookAgainMs: 60_000 }, rest]);
    const running = reconcile("web", "a launch", deps, capability);
    await clock.advance(5_200);
    expect(await deps.leases.request("web")).toBeUndefined();
    await clock.advance(1_000);
    expect(looks()).toBe(2);
    expect(await running).toMatchObject({ ended: "rest" });
  });

  test("gives the scope back before its invocation runs out of time", async () => {
    const { deps, clock, table } = loopWorld({ forMs: 20_000 });
    const { capability } = scripted([{ ...rest, lookAgainMs: 5_000 }]);
    const running = reconcile("web", "a launch", deps, capability);
    await clock.advance(20_000);
    expect(await running).toMatchObject({ ended: "out-of-time" });
    expect(table.items.get("lease|web")).not.toHaveProperty("holder");
  });

  test("begins no action that may not end in time, and says so", async () => {
    const { deps, clock } = loopWorld({ forMs: 12_000 });
    const { capability, applied } = scripted([{ actions: [act("grow")], because: "busy" }], {
      observe: async () => {
        await clock.advance(5_000);
        return 0;
      },
    });
    const outcome = await reconcile("web", "an alarm", deps, capability);
    expect(outcome.ended).toBe("out-of-time");
    expect(applied).toEqual([]);
    expect(outcome.lines).toMatchObject([{ action: "grow", result: expect.stringContaining("too little time") }]);
  });
});

describe("a frozen scope", () => {
  const plan = { actions: [act("grow")], because: "busy" };

  test.each(["farm", "web"] as const)(
    "gets dry runs only while %s is frozen, and acts when the freeze is over",
    async (scope) => {
      const { deps, clock } = loopWorld();
      await deps.freezes.set({ scope, until: clock.now() + 60_000 });
      const frozen = scripted([plan, rest]);
      const outcome = await reconcile("web", "an alarm", deps, frozen.capability);
      expect(outcome).toMatchObject({ ended: "dry-run", lines: [{ phase: "planned", action: "grow" }] });
      expect(outcome.lines[0]?.result).toContain(`${scope} is frozen until 2026-01-01T00:01:00.000Z`);
      expect(frozen.applied).toEqual([]);

      await clock.advance(60_001);
      const free = scripted([plan, rest]);
      await reconcile("web", "an alarm", deps, free.capability);
      expect(free.applied).toHaveLength(1);
    },
  );

  test("does not hold back another scope, nor anything after a thaw", async () => {
    const { deps, clock } = loopWorld();
    await deps.freezes.set({ scope: "database", until: clock.now() + 60_000 });
    const web = scripted([plan, rest]);
    await reconcile("web", "an alarm", deps, web.capability);
    expect(web.applied).toHaveLength(1);
    await deps.freezes.thaw("database");
    const database = scripted([plan, rest]);
    await reconcile("database", "a clock", deps, database.capability);
    expect(database.applied).toHaveLength(1);
  });

  test("is every scope of a farm that is deployed observe-only", async () => {
    const { deps } = loopWorld({ observeOnly: true });
    const { capability, applied } = scripted([plan]);
    expect(await reconcile("web", "an alarm", deps, capability)).toMatchObject({ ended: "dry-run" });
    expect(applied).toEqual([]);
  });
});

describe("a problem", () => {
  test("is journalled when it is found and when it is gone, not at every look, and keeps its beginning", async () => {
    const { deps, clock } = loopWorld();
    const ill = { ...rest, problems: [{ code: "node-unhealthy", node: "i-1", detail: "no answer" }] };
    const begun = clock.now();
    await reconcile("web", "a clock", deps, scripted([ill]).capability);
    await clock.advance(60_000);
    await reconcile("web", "a clock", deps, scripted([ill]).capability);
    expect(await deps.problems.of("web")).toMatchObject([{ code: "node-unhealthy", since: begun }]);
    await clock.advance(60_000);
    await reconcile("web", "a clock", deps, scripted([rest]).capability);
    expect(await deps.problems.of("web")).toEqual([]);
    expect(await deps.journal.read(0, 10)).toMatchObject([
      { phase: "detected", problem: "node-unhealthy", reason: "i-1: no answer" },
      { phase: "verified", problem: "node-unhealthy", result: "no longer so" },
    ]);
  });
});

describe("a look that fails", () => {
  test("is repeated a few times when that can help, and the journal says what happened", async () => {
    const { deps, clock } = loopWorld();
    let failures = 0;
    const { capability, applied } = scripted([{ actions: [act("grow")], because: "busy" }, rest], {
      observe: async () => {
        if (failures++ < 2) throw throttled();
        return failures === 3 ? 0 : 1;
      },
    });
    const running = reconcile("web", "an alarm", deps, capability);
    await clock.advance(10_000);
    expect(await running).toMatchObject({ ended: "rest" });
    expect(applied).toHaveLength(1);
    const [first] = await deps.journal.read(0, 10);
    expect(first?.result).toBe("failed: aws-throttled: too fast; it is tried again");
  });

  test("fails the invocation when repeating did not help, with the scope free for the next", async () => {
    const { deps, clock, table } = loopWorld();
    let tries = 0;
    const { capability } = scripted([{ actions: [act("grow")], because: "busy" }], {
      apply: () => Promise.reject((tries++, throttled())),
    });
    const running = expect(reconcile("web", "an alarm", deps, capability)).rejects.toMatchObject({
      code: "aws-throttled",
    });
    await clock.advance(10_000);
    await running;
    expect(tries).toBe(3);
    // The journal has each try; what came of it may be said once for all of them.
    const journal = await deps.journal.read(0, 10);
    expect(journal.filter(({ result }) => result === "begun")).toHaveLength(3);
    expect(journal.filter(({ phase }) => phase === "applied")).not.toEqual([]);
    expect(table.items.get("lease|web")).not.toHaveProperty("holder");
  });

  test("stops at the first action that cannot be done and fails at once when repeating cannot help", async () => {
    const { deps } = loopWorld();
    const { capability, looks } = scripted([{ actions: [act("grow"), act("tell")], because: "busy" }], {
      apply: () => Promise.reject(denied()),
    });
    await expect(reconcile("web", "an alarm", deps, capability)).rejects.toMatchObject({ code: "aws-denied" });
    expect(looks()).toBe(1);
    expect(await deps.journal.read(0, 10)).toMatchObject([
      { action: "grow", phase: "planned", result: "begun" },
      { action: "grow", phase: "applied", result: "failed: aws-denied: not allowed; next: allow it" },
    ]);
  });

  test("fails at once on an error that nobody foresaw, with the scope free", async () => {
    const { deps, table } = loopWorld();
    const { capability } = scripted([rest], {
      observe: () => Promise.reject(new TypeError("undefined is not a node")),
    });
    await expect(reconcile("web", "an alarm", deps, capability)).rejects.toThrow("undefined is not a node");
    expect(await deps.journal.read(0, 10)).toMatchObject([{ result: "failed: undefined is not a node" }]);
    expect(table.items.get("lease|web")).not.toHaveProperty("holder");
  });

  test("does not go on for ever when acting changes nothing", async () => {
    const { deps, clock } = loopWorld();
    const { capability, applied } = scripted([{ actions: [act("grow")], because: "busy" }]);
    const running = expect(reconcile("web", "an alarm", deps, capability)).rejects.toMatchObject({
      code: "does-not-settle",
    });
    await clock.advance(120_000);
    await running;
    expect(applied.length).toBeLessThanOrEqual(20);
  });

  test("is not made to fail by a bus that does not answer: that is counted", async () => {
    const { deps, counted } = loopWorld();
    const { capability } = scripted([{ actions: [act("grow")], because: "busy" }, rest]);
    const outcome = await reconcile(
      "web",
      "x",
      { ...deps, publish: () => Promise.reject(new Error("no bus")) },
      capability,
    );
    expect(outcome.ended).toBe("rest");
    expect(counted).toEqual(["UnpublishedLines", "UnpublishedLines"]);
  });
});
