import { describe, expect, test } from "@jest/globals";
import { absent, known, unknown } from "../../../lib/reconcile/fact.ts";
import { render } from "../../../lib/reconcile/plan.ts";
import type { OperatorRequest } from "../../../lib/reconcile/requests.ts";
import { planNode, type NodeObservation, type TargetState } from "../../../lib/fleet/node/plan.ts";
import type { HookObservation } from "../../../lib/lifecycle/observation.ts";
import { expectGolden } from "../../golden/golden.ts";
import { groupOf } from "./farm-model.ts";
import {
  failed,
  GROUP,
  launching,
  machine,
  member,
  NODE,
  NOW,
  record,
  run,
  sent,
  terminating,
} from "../lifecycle/observations.ts";

const seen = (hook: HookObservation, parts: Partial<NodeObservation> = {}): NodeObservation => ({
  hook,
  group: absent,
  targets: absent,
  notices: absent,
  requests: [],
  ...parts,
});
const target = (state: TargetState) => ({ targets: known([{ targetGroup: "arn:web", state }]) });
const serving = (parts: Partial<HookObservation> = {}) => launching({ membership: member("InService"), ...parts });
const online = { agent: known("online" as const) };
const drainWish: OperatorRequest = {
  id: "r-1",
  scope: `web/${NODE}`,
  action: "drain",
  args: { instanceId: NODE, keep: false },
  state: "pending",
  createdAt: NOW - 1e3,
  expiresAt: NOW + 6e4,
};
const wish = { requests: [drainWish] };
const announced = (inMs?: number) => ({
  notices: known([{ instanceId: NODE, detail: "EC2 takes it", ...(inMs === undefined ? {} : { endsAt: NOW + inMs }) }]),
});
const keepWish = { requests: [{ ...drainWish, action: "drain", args: { instanceId: NODE, keep: true } }] } as const;
const restoreWish = { requests: [{ ...drainWish, action: "restore", args: { instanceId: NODE } }] } as const;
const sized = (desired: number) => ({ group: known(groupOf(desired)) });
const onStandby = (parts: Partial<HookObservation> = {}) => launching({ membership: member("Standby"), ...parts });
const lost = serving({ machine: machine("terminated") });
const waitsForTarget = terminating({ record: record({ heartbeatAt: NOW }) });

const ROWS: readonly [string, NodeObservation, readonly string[]][] = [
  ["it serves", seen(serving()), []],
  ["its agent is online in its launch hook", seen(launching(online)), ["send-command"]],
  ["it is of another's group", seen(launching({ ...online, membership: member("Pending:Wait", "theirs") })), []],
  [
    "it is of another's group and dead",
    seen(serving({ membership: member("InService", "theirs"), machine: machine("terminated") }), target("healthy")),
    [],
  ],
  ["it is in no group", seen(launching({ membership: absent })), []],
  ["its group is unknown", seen(launching({ membership: unknown("throttled") })), []],
  ["it proceeds", seen(launching({ membership: member("Pending:Proceed") })), []],
  ["its termination proceeds", seen(launching({ membership: member("Terminating:Proceed") })), []],
  ["it leaves and is still registered", seen(terminating(), target("healthy")), ["deregister-target"]],
  ["it leaves and its target drains", seen(waitsForTarget, target("draining")), []],
  [
    "it leaves and its target has drained for long",
    seen(terminating({ record: record({ heartbeatAt: NOW - 15_000 }) }), target("draining")),
    ["heartbeat"],
  ],
  ["it leaves and its target is unknown", seen(waitsForTarget, { targets: unknown("throttled") }), []],
  ["it leaves and its target is unused", seen(terminating(), target("unused")), ["send-command"]],
  [
    "it leaves drained",
    seen(terminating({ record: sent(), command: run({ state: "success" }) }), target("unused")),
    ["complete-hook"],
  ],
  [
    "it leaves dead and still registered",
    seen(terminating({ machine: machine("terminated") }), target("unhealthy")),
    ["deregister-target", "complete-hook"],
  ],
  ["its machine died in service", seen(lost, target("healthy")), ["deregister-target", "mark-unhealthy"]],
  [
    "its machine stopped in service and its target is unknown",
    seen(serving({ machine: machine("stopped") }), { targets: unknown("throttled") }),
    ["mark-unhealthy"],
  ],
  [
    "its machine died and the group knows",
    seen(
      serving({ machine: machine("terminated"), membership: member("InService", GROUP, false) }),
      target("draining"),
    ),
    [],
  ],
  [
    "it waits in its launch hook on the way into the warm pool",
    seen(launching({ ...online, membership: member("Warmed:Pending:Wait") })),
    ["send-command"],
  ],
  [
    "it has proven itself on the way into the warm pool",
    seen(
      launching({
        ...online,
        membership: member("Warmed:Pending:Wait"),
        record: sent(),
        command: run({ state: "success", exitCode: 0 }),
      }),
    ),
    ["complete-hook"],
  ],
  [
    "it is stopped in the warm pool",
    seen(launching({ membership: member("Warmed:Stopped"), machine: machine("stopped") }), target("unused")),
    [],
  ],
  [
    "an operator drains it in the warm pool",
    seen(launching({ membership: member("Warmed:Stopped"), machine: machine("stopped") }), wish),
    ["answer-request"],
  ],
  [
    "it leaves the warm pool for good, stopped as it is",
    seen(terminating({ membership: member("Warmed:Terminating:Wait"), machine: machine("stopped") }), target("unused")),
    ["complete-hook"],
  ],
  [
    "it came from the warm pool, EC2 still shows it as stopped, and the balancer gets answers",
    seen(serving({ machine: machine("stopped") }), target("healthy")),
    [],
  ],
  [
    "its machine stopped in service and the balancer gets no answers",
    seen(serving({ machine: machine("stopped") }), target("unhealthy")),
    ["deregister-target", "mark-unhealthy"],
  ],
  ["EC2 does not show its machine", seen(serving({ machine: absent })), []],
  ["its machine's state is unknown", seen(serving({ machine: unknown("throttled") })), []],
  ["an operator drains it", seen(serving(), wish), ["replace-node"]],
  ["AWS takes it in two minutes", seen(serving(), announced(120_000)), ["replace-node"]],
  [
    "AWS takes it in two minutes, and EC2 does not answer",
    seen(serving({ machine: unknown("throttled") }), announced(120_000)),
    ["replace-node"],
  ],
  ["AWS takes it in ten minutes", seen(serving(), announced(600_000)), []],
  ["AWS recommends to leave it", seen(serving(), announced()), []],
  ["what AWS announced is unknown", seen(serving(), { notices: unknown("throttled") }), []],
  [
    "AWS has taken it",
    seen(lost, { ...announced(0), ...target("unhealthy") }),
    ["deregister-target", "mark-unhealthy"],
  ],
  [
    "AWS takes another one",
    seen(serving(), { notices: known([{ instanceId: "i-00000000000000002", detail: "taken", endsAt: NOW }]) }),
    [],
  ],
  [
    "an operator drains it and it drains already",
    seen(waitsForTarget, { ...wish, ...target("draining") }),
    ["answer-request"],
  ],
  ["an operator drains it in its launch hook", seen(launching(), wish), ["answer-request"]],
  [
    "an operator drains another's node",
    seen(serving({ membership: member("InService", "theirs") }), wish),
    ["answer-request"],
  ],
];

/** What the plan says to an operator's wish, or does for it. */
const STANDBY: readonly [string, NodeObservation, readonly string[]][] = [
  ["shall be kept, of more than the minimum", seen(serving(), { ...keepWish, ...sized(3) }), ["enter-standby shrinks"]],
  ["shall be kept, at the minimum", seen(serving(), { ...keepWish, ...sized(2) }), ["enter-standby"]],
  ["shall be kept, its group unknown", seen(serving(), { ...keepWish, group: unknown("throttled") }), []],
  ["shall be kept and died", seen(lost, { ...keepWish, ...sized(3), ...target("unused") }), ["mark-unhealthy"]],
  ["is on its way to standby", seen(onStandby({ membership: member("EnteringStandby") }), keepWish), ["done"]],
  ["is on standby", seen(onStandby(), keepWish), ["done"]],
  ["is on standby without a wish, its machine stopped", seen(onStandby({ machine: machine("stopped") })), []],
  ["shall be kept while it launches", seen(launching(), keepWish), ["refused"]],
  ["shall be kept while it leaves", seen(waitsForTarget, { ...keepWish, ...target("draining") }), ["refused"]],
  ["shall come back", seen(onStandby(), { ...restoreWish, ...sized(5) }), ["exit-standby"]],
  ["shall come back into a full group", seen(onStandby(), { ...restoreWish, ...sized(6) }), ["refused"]],
  ["shall come back, its group unknown", seen(onStandby(), { ...restoreWish, group: unknown("throttled") }), []],
  [
    "shall come back while its last requests are answered",
    seen(onStandby({ membership: member("EnteringStandby") }), { ...restoreWish, ...sized(5) }),
    [],
  ],
  ["comes back", seen(launching({ membership: member("Pending") }), restoreWish), []],
  [
    "comes back through its launch hook",
    seen(launching({ ...online, record: sent(), command: run({ state: "success" }) }), restoreWish),
    ["complete-hook"],
  ],
  ["is back", seen(serving(), restoreWish), ["done"]],
  ["shall come back and left for good", seen(waitsForTarget, { ...restoreWish, ...target("draining") }), ["refused"]],
  ["is on standby and shall go", seen(onStandby(), { ...wish, ...sized(2) }), ["replace-node"]],
  [
    "shall be kept and AWS takes it in two minutes",
    seen(serving(), { ...keepWish, ...sized(3), ...announced(120_000) }),
    ["replace-node"],
  ],
  [
    "shall be kept and AWS recommends to leave it",
    seen(serving(), { ...keepWish, ...sized(3), ...announced() }),
    ["enter-standby shrinks"],
  ],
  ["is back, and AWS recommends to leave it", seen(serving(), { ...restoreWish, ...announced() }), ["done"]],
  ["is on standby and AWS takes it in two minutes", seen(onStandby(), announced(120_000)), []],
  ["is in the warm pool", seen(launching({ membership: member("Warmed:Stopped") }), restoreWish), ["refused"]],
];

describe("a node that an operator takes out and keeps", () => {
  test.each(STANDBY)("when it %s", (_when, observation, then) => {
    const words = planNode(observation).actions.map((action) => {
      if (action.kind === "answer-request") return action.state;
      return action.kind === "enter-standby" && action.shrinks ? `${action.kind} shrinks` : action.kind;
    });
    expect(words).toEqual(then);
  });

  test.each([
    ["on its way there", seen(onStandby({ membership: member("EnteringStandby") }), announced(120_000))],
    ["on standby", seen(onStandby(), announced(120_000))],
    ["still in service", seen(serving(), { ...keepWish, ...sized(3), ...announced() })],
  ])("is told when AWS takes it, %s", (_where, observation) => {
    expect(planNode(observation).problems).toMatchObject([{ code: "interruption-announced", node: NODE }]);
  });

  test("is a problem only when its machine is gone for good", () => {
    expect(planNode(seen(onStandby({ machine: machine("terminated") })))).toMatchObject({
      actions: [],
      problems: [{ code: "machine-dead", detail: expect.stringContaining(`tandem drain ${NODE}`) }],
    });
  });
});

describe("a web node", () => {
  test.each(ROWS)("when %s", (_when, observation, then) => {
    expect(planNode(observation).actions.map((action) => action.kind)).toEqual(then);
  });

  test("that is not ours keeps nobody looking", () => {
    expect(planNode(seen(launching({ membership: member("Pending:Wait", "theirs") }))).lookAgainMs).toBeUndefined();
  });

  test.each([
    ["node-launch", seen(launching(online))],
    ["node-launched", seen(launching({ ...online, record: sent(), command: run({ state: "success", exitCode: 0 }) }))],
    ["node-warming", seen(launching({ ...online, membership: member("Warmed:Pending:Wait") }))],
    ["node-own-fault", seen(launching({ ...online, record: sent(), command: failed(10, "first page: HTTP 500") }))],
    [
      "node-shared-missing",
      seen(launching({ ...online, record: sent(), command: failed(20, "no writer behind HAProxy") })),
    ],
    ["node-leaves", seen(terminating(), target("healthy"))],
    ["node-drained", seen(terminating({ record: sent(), command: run({ state: "success" }) }), target("unused"))],
    ["node-lost", seen(lost, target("healthy"))],
    ["node-operator-drain", seen(serving(), wish)],
    ["node-taken", seen(serving(), announced(120_000))],
    ["node-to-be-taken", seen(serving(), announced())],
    ["node-operator-keep", seen(serving(), { ...keepWish, ...sized(3) })],
    ["node-operator-restore", seen(onStandby(), { ...restoreWish, ...sized(3) })],
    ["node-not-ours", seen(launching({ membership: member("Pending:Wait", "theirs") }))],
  ])("reads as in %s.txt", (name, observation) => {
    expectGolden(name, render(planNode(observation)));
  });
});
