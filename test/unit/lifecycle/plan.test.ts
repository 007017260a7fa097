import { describe, expect, test } from "@jest/globals";
import { absent, known, unknown } from "../../../lib/reconcile/fact.ts";
import type { Action, Plan } from "../../../lib/reconcile/plan.ts";
import type { HookObservation } from "../../../lib/lifecycle/observation.ts";
import { AGENT_WAIT_MS, HEARTBEATS_MAX, planLaunch, planTermination } from "../../../lib/lifecycle/plan.ts";
import { failed, launching, machine, member, NODE, NOW, record, run, sent, terminating } from "./observations.ts";

/** `kind result-or-attempt` of each action. */
const doneBy = (plan: Plan<Action & { result?: string; attempt?: number }>): string[] =>
  plan.actions.map(({ kind, result, attempt }) =>
    [kind, result ?? attempt].filter((part) => part !== undefined).join(" "),
  );
const online = { agent: known("online" as const) };

interface Row {
  readonly when: string;
  readonly seen: HookObservation;
  readonly does: readonly string[];
  readonly problem?: string;
  readonly rests?: boolean;
}

const LAUNCHES: readonly Row[] = [
  { when: "the agent has not registered", seen: launching(), does: [] },
  { when: "the agent's state is unknown", seen: launching({ agent: unknown("throttled") }), does: [] },
  { when: "the agent is online", seen: launching(online), does: ["send-command 1"] },
  { when: "the machine is not visible yet", seen: launching({ ...online, machine: absent }), does: ["heartbeat"] },
  { when: "the command runs", seen: launching({ ...online, record: sent(), command: run() }), does: [] },
  {
    when: "the command succeeded",
    seen: launching({ ...online, record: sent(), command: run({ state: "success", exitCode: 0 }) }),
    does: ["complete-hook CONTINUE"],
  },
  {
    when: "the node proved its own fault",
    seen: launching({ ...online, record: sent(), command: failed(10, "mount: timed out") }),
    does: ["complete-hook ABANDON"],
    problem: "launch-failed",
  },
  {
    when: "something shared is missing",
    seen: launching({ ...online, record: sent(), command: failed(20, "no writer") }),
    does: [],
    problem: "shared-dependency-missing",
  },
  {
    when: "something shared was missing a while ago",
    seen: launching({ ...online, record: sent(1, 20_000), command: failed(20, "no writer", 6_000) }),
    does: ["send-command 2"],
    problem: "shared-dependency-missing",
  },
  {
    when: "the third attempt found it missing too, 6 s ago",
    seen: launching({ ...online, record: sent(3, 20_000), command: failed(20, "no writer", 6_000) }),
    does: [],
    problem: "shared-dependency-missing",
  },
  {
    when: "the script did not exist",
    seen: launching({ ...online, record: sent(), command: failed(127, "not found") }),
    does: [],
    problem: "launch-inconclusive",
  },
  {
    when: "the command ran out of time",
    seen: launching({
      ...online,
      record: sent(1, 200_000),
      command: run({ state: "timed-out", finishedAt: NOW - 20_000 }),
    }),
    does: ["send-command 2"],
    problem: "launch-inconclusive",
  },
  {
    when: "the command was not delivered and the agent is gone",
    seen: launching({ agent: known("offline"), record: sent(1, 60_000), command: run({ state: "undelivered" }) }),
    does: [],
    problem: "launch-inconclusive",
  },
  {
    when: "the machine died",
    seen: launching({ machine: machine("terminated"), record: sent(), command: run() }),
    does: ["complete-hook ABANDON"],
    problem: "machine-dead",
  },
  {
    when: "it has just left the warm pool and EC2 still shows it as stopped",
    seen: launching({ ...online, machine: machine("stopped", 9_000_000) }),
    does: ["heartbeat"],
  },
  {
    when: "EC2 has shown it as stopped for a minute",
    seen: launching({ ...online, machine: machine("stopped"), record: record({ waitingSince: NOW - 60_000 }) }),
    does: ["complete-hook ABANDON"],
    problem: "machine-dead",
  },
  {
    when: "it stops on the way into the warm pool before it has proven itself",
    seen: launching({ ...online, membership: member("Warmed:Pending:Wait"), machine: machine("stopped") }),
    does: ["complete-hook ABANDON"],
    problem: "machine-dead",
  },
  {
    when: "the command's state is unknown",
    seen: launching({ ...online, record: sent(), command: unknown("throttled") }),
    does: [],
  },
  {
    when: "the record is unknown",
    seen: launching({ ...online, record: unknown("throttled"), command: unknown("throttled") }),
    does: [],
  },
  {
    when: "a command was just sent and its id was lost",
    seen: launching({ ...online, record: sent(1, 1_000), command: absent }),
    does: [],
  },
  {
    when: "a sent command was never seen",
    seen: launching({ ...online, record: sent(1, 6_000), command: absent }),
    does: ["send-command 1"],
  },
  {
    when: "the last heartbeat is due",
    seen: launching({ ...online, record: sent(1, 60_000, { heartbeatAt: NOW - 15_000 }), command: run() }),
    does: ["heartbeat"],
  },
  {
    when: "Auto Scaling refused a heartbeat",
    seen: launching({
      ...online,
      record: sent(1, 60_000, { heartbeatAt: NOW - 15_000, heartbeatsRefused: true }),
      command: run(),
    }),
    does: [],
  },
  {
    when: "the hook's window is spent",
    seen: launching({
      ...online,
      record: sent(1, 60_000, { heartbeats: HEARTBEATS_MAX, heartbeatAt: NOW - 15_000 }),
      command: run(),
    }),
    does: [],
    problem: "hook-window-spent",
    rests: true,
  },
  {
    when: "the agent never came",
    seen: launching({ machine: machine("running", AGENT_WAIT_MS) }),
    does: [],
    problem: "agent-not-online",
    rests: true,
  },
];

const TERMINATIONS: readonly Row[] = [
  { when: "the agent is online", seen: terminating(), does: ["send-command 1"] },
  { when: "the drain runs", seen: terminating({ record: sent(), command: run() }), does: [] },
  {
    when: "the drain is done",
    seen: terminating({ record: sent(), command: run({ state: "success" }) }),
    does: ["complete-hook CONTINUE"],
  },
  {
    when: "the drain failed",
    seen: terminating({ record: sent(), command: failed(10, "nginx") }),
    does: ["complete-hook CONTINUE"],
    problem: "drain-failed",
  },
  {
    when: "the drain hangs",
    seen: terminating({ record: sent(1, 91_000), command: run() }),
    does: ["complete-hook CONTINUE"],
    problem: "drain-failed",
  },
  {
    when: "the machine died",
    seen: terminating({ machine: machine("shutting-down") }),
    does: ["complete-hook CONTINUE"],
  },
  { when: "EC2 has forgotten the machine", seen: terminating({ machine: absent }), does: ["complete-hook CONTINUE"] },
  {
    when: "the machine's state is unknown",
    seen: terminating({ machine: unknown("throttled"), record: record({ heartbeatAt: NOW }) }),
    does: [],
  },
  {
    when: "the agent has just gone",
    seen: terminating({ agent: known("offline"), record: record({ heartbeatAt: NOW }) }),
    does: [],
  },
  {
    when: "the agent is gone for long",
    seen: terminating({ agent: known("offline"), record: record({ waitingSince: NOW - 30_000 }) }),
    does: ["complete-hook CONTINUE"],
    problem: "drain-failed",
  },
];

describe("a node in its launch hook", () => {
  test.each(LAUNCHES)("when $when: $does", ({ seen, does, problem, rests }) => {
    const plan = planLaunch(seen);

    expect(doneBy(plan)).toEqual(does);
    expect(plan.problems?.at(0)?.code).toBe(problem);
    if (plan.actions.length === 0) expect(plan.lookAgainMs === undefined).toBe(rests ?? false);
  });

  test("an abandoned node's last words are in the reason", () => {
    const [action] = planLaunch(
      launching({ ...online, record: sent(), command: failed(10, "first page: 500") }),
    ).actions;

    expect(action?.reason).toContain("first page: 500");
  });

  test("each attempt has a key of its own, and the same attempt the same key", () => {
    const first = planLaunch(launching(online)).actions[0]?.idempotencyKey;
    const again = planLaunch(launching({ ...online, now: NOW + 500 })).actions[0]?.idempotencyKey;

    expect(first).toBe(`tandem launching ${NODE} attempt 1`);
    expect(again).toBe(first);
  });
});

describe("a node in its terminate hook", () => {
  test.each(TERMINATIONS)("when $when: $does", ({ seen, does, problem }) => {
    const plan = planTermination(seen);

    expect(doneBy(plan)).toEqual(does);
    expect(plan.problems?.at(0)?.code).toBe(problem);
    if (plan.actions.length === 0) expect(plan.lookAgainMs).toBeDefined();
  });

  test("is never abandoned", () => {
    for (const { seen } of TERMINATIONS) expect(doneBy(planTermination(seen))).not.toContain("complete-hook ABANDON");
  });
});
