import { describe, expect, test } from "@jest/globals";
import { planCron, RUN_MS_MAX, type CronObservation } from "../../../lib/cron/plan.ts";
import type { CommandRun, Machine } from "../../../lib/lifecycle/observation.ts";
import { absent, known, unknown } from "../../../lib/reconcile/fact.ts";

const NOW = Date.parse("2026-11-20T09:05:10Z");
const MINUTE = 60_000;
const run = (own: Partial<CommandRun> = {}): CommandRun => ({ commandId: "c", state: "success", output: "", ...own });
const machine = (state: Machine["state"]): Machine => ({ state, launchedAt: 0 });
const observed = (own: Partial<CronObservation> = {}): CronObservation => ({
  now: NOW,
  last: known({ instanceId: "i-2", at: NOW - MINUTE }),
  run: known(run()),
  machine: known(machine("running")),
  nodes: known(["i-3", "i-1", "i-2"]),
  ...own,
});
const chosen = (own: Partial<CronObservation>): string | undefined => planCron(observed(own)).actions[0]?.instanceId;

describe("WordPress's due events", () => {
  test("run on one node a minute, on that whose turn it is", () => {
    expect(chosen({ last: absent, run: absent, machine: absent })).toBe("i-3");
    expect(chosen({})).toBe("i-3");
    expect(chosen({ nodes: known(["i-1"]) })).toBe("i-1");
  });

  test("are not run again by a clock that ticks twice, or late, in one minute", () => {
    expect(planCron(observed({ last: known({ instanceId: "i-2", at: NOW - 10_000 }) }))).toMatchObject({
      actions: [],
      because: "i-2 had this minute's turn",
    });
    expect(chosen({ last: known({ instanceId: "i-2", at: NOW + 5_000 }) })).toBeUndefined();
    expect(chosen({ last: known({ instanceId: "i-2", at: NOW - 10_001 }) })).toBe("i-3");
  });

  test("wait while the last run goes on, but not for a node that died of it, or for ever", () => {
    const going = { run: known(run({ state: "running" })) };
    expect(chosen(going)).toBeUndefined();
    expect(chosen({ ...going, machine: known(machine("terminated")) })).toBe("i-3");
    expect(chosen({ ...going, machine: absent })).toBe("i-3");
    expect(chosen({ ...going, last: known({ instanceId: "i-2", at: NOW - RUN_MS_MAX }) })).toBe("i-3");
  });

  test("wait where it is unknown what ran, whether it is over, or who is healthy", () => {
    expect(chosen({ last: unknown("throttled") })).toBeUndefined();
    expect(chosen({ run: unknown("throttled") })).toBeUndefined();
    expect(chosen({ run: known(run({ state: "running" })), machine: unknown("throttled") })).toBeUndefined();
    expect(planCron(observed({ nodes: unknown("throttled") }))).toMatchObject({
      actions: [],
      because: expect.stringContaining("throttled"),
    });
    expect(chosen({ nodes: known([]) })).toBeUndefined();
  });

  test("whose command nobody can see may be on their way, and half a minute later were never sent", () => {
    const unseen = (ms: number) => ({ run: absent, last: known({ instanceId: "i-2", at: NOW - ms }) });
    expect(chosen(unseen(29_000))).toBeUndefined();
    expect(chosen(unseen(30_000))).toBe("i-3");
  });

  test("that fail are a problem until a run succeeds, and the next node tries", () => {
    const failed = observed({
      run: known(run({ state: "failed", exitCode: 20, output: "no writer through HAProxy" })),
    });
    expect(planCron(failed)).toMatchObject({
      actions: [{ instanceId: "i-3" }],
      problems: [
        {
          code: "cron-failed",
          detail: "the last run of due events, on i-2, ended with exit code 20: no writer through HAProxy",
        },
      ],
    });
    expect(planCron(observed({ run: known(run({ state: "timed-out" })) })).problems).toMatchObject([
      { detail: expect.stringContaining("timed-out") },
    ]);
    const goesOn = observed({
      last: known({ instanceId: "i-2", at: NOW - MINUTE, failure: "as before" }),
      run: known(run({ state: "running" })),
    });
    expect(planCron(goesOn).problems).toEqual([{ code: "cron-failed", detail: "as before" }]);
    expect(planCron({ ...goesOn, run: known(run()) }).problems).toEqual([]);
  });
});
