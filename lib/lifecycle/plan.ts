import { isKnown } from "../reconcile/fact.ts";
import type { Plan, Problem } from "../reconcile/plan.ts";
import type { HookAction } from "./action.ts";
import {
  isDead,
  waitingTransition,
  type CommandRun,
  type HookObservation,
  type MachineState,
  type Transition,
} from "./observation.ts";

/** A boot is watched closely, because traffic waits for it; what takes longer than a minute is not decided by seconds. */
const LOOK_AGAIN_MS = 500;
const LOOK_AGAIN_LATER_MS = 5_000;
const CLOSE_WATCH_MS = 60_000;
/** Half of the shortest timeout that a hook can have (30 s), so every hook is extended in time. */
const HEARTBEAT_MS = 15_000;
/** An hour of heartbeats. Beyond it a person has to look, and Auto Scaling ends the wait with the hook's default. */
export const HEARTBEATS_MAX = 240;
/** A node that boots and has not registered with Systems Manager by then is left to the hook's timeout. */
export const AGENT_WAIT_MS = 600_000;
/** A running machine whose agent is gone has this long to come back before its drain is skipped. */
export const AGENT_GONE_MS = 30_000;
/** Longer than EC2's answers lag behind; a machine that waits for its launch and is shown as stopped after it is dead. */
const STOPPED_DOUBT_MS = 60_000;
/** SendCommand may have been accepted although its answer was lost; ListCommands shows it by then. */
export const SEND_SETTLES_MS = 5_000;
/** First pause before a launch is tried again, doubled each time. */
const RETRY_MS = 5_000;
const RETRY_MS_MAX = 60_000;
/** How long a leaving node may take to answer what it accepted; its target is unused by then, so it is nearly idle. */
export const DRAIN_DEADLINE_SECONDS = 60;
/** Beyond its own deadline a drain that still runs is hung. */
const DRAIN_GRACE_MS = 30_000;
/** Enough of a node's last words to see what went wrong; the log has the rest. */
const OUTPUT_LENGTH_MAX = 300;

/** Exit codes of `tandem-node` (infra/nodes). */
export const EXIT_NODE_FAULT = 10;
export const EXIT_SHARED_MISSING = 20;

/**
 * The next step of an instance that waits in its launch hook, on the way into service or into the warm pool. Both times it
 * proves the same: what was true when it was warmed need not be when it is to serve.
 */
export function planLaunch(o: HookObservation): Plan<HookAction> {
  const transition = launchOf(o);
  if (isKnown(o.machine) && mayHaveStarted(o, o.machine.known.state))
    return wait(o, transition, `EC2 shows the machine as ${o.machine.known.state}, perhaps as it was before its start`);
  if (isKnown(o.machine) && isDead(o.machine.known.state))
    return abandon(o, `the machine is ${o.machine.known.state}`, "machine-dead");
  if (!isKnown(o.machine)) return wait(o, transition, `EC2 does not show the machine: ${why(o.machine)}`);
  if ("unknown" in o.record) return wait(o, transition, `what was done before is unknown: ${o.record.unknown}`);
  if ("unknown" in o.command) return wait(o, transition, `the launch command's state is unknown: ${o.command.unknown}`);
  return isKnown(o.command) ? afterLaunch(o, o.command.known) : beforeLaunch(o, o.machine.known.launchedAt);
}

function beforeLaunch(o: HookObservation, launchedAt: number): Plan<HookAction> {
  const transition = launchOf(o);
  if (isKnown(o.agent) && o.agent.known === "online") return send(o, transition, "the agent is online");
  const waited = o.now - launchedAt;
  if (waited < AGENT_WAIT_MS) return wait(o, transition, `the agent is not online: ${why(o.agent)}`);
  return letGo(o, {
    code: "agent-not-online",
    node: o.instanceId,
    detail: `no agent ${seconds(waited)} after the launch; the hook's own timeout ends the wait`,
  });
}

function afterLaunch(o: HookObservation, run: CommandRun): Plan<HookAction> {
  const transition = launchOf(o);
  if (run.state === "running") return wait(o, transition, "the launch command runs");
  if (run.state === "success") return proceed(o, transition, "the node proved that it can serve");
  if (run.state === "failed" && run.exitCode === EXIT_NODE_FAULT)
    return abandon(o, `the fault is the node's own: ${lastWords(run)}`, "launch-failed");
  const shared = run.state === "failed" && run.exitCode === EXIT_SHARED_MISSING;
  const problem: Problem = {
    code: shared ? "shared-dependency-missing" : "launch-inconclusive",
    node: o.instanceId,
    detail: shared ? lastWords(run) : `the launch command ${ended(run)}: ${lastWords(run)}`,
  };
  const attempt = attemptsOf(o);
  const dueAt = (run.finishedAt ?? requestedAt(o)) + Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** (attempt - 1));
  if (o.now < dueAt) return wait(o, transition, `attempt ${attempt} proved no fault of the node`, problem);
  if (!isKnown(o.agent) || o.agent.known !== "online")
    return wait(o, transition, `the agent is not online: ${why(o.agent)}`, problem);
  return send(o, transition, `attempt ${attempt} proved no fault of the node`, problem);
}

/**
 * The next step of an instance that waits in its terminate hook and whose traffic has already gone elsewhere.
 * Every end of the drain is CONTINUE: the instance goes either way.
 */
export function planTermination(o: HookObservation): Plan<HookAction> {
  if ("unknown" in o.machine) return wait(o, "terminating", `the machine's state is unknown: ${o.machine.unknown}`);
  if (!isKnown(o.machine)) return proceed(o, "terminating", "drain skipped: EC2 no longer knows the machine");
  if (isDead(o.machine.known.state))
    return proceed(o, "terminating", `drain skipped: the machine is ${o.machine.known.state}`);
  if ("unknown" in o.record) return wait(o, "terminating", `what was done before is unknown: ${o.record.unknown}`);
  if ("unknown" in o.command)
    return wait(o, "terminating", `the drain command's state is unknown: ${o.command.unknown}`);
  return isKnown(o.command) ? afterDrain(o, o.command.known) : beforeDrain(o);
}

function beforeDrain(o: HookObservation): Plan<HookAction> {
  if (isKnown(o.agent) && o.agent.known === "online") return send(o, "terminating", "its target is unused");
  const waited = o.now - waitingSince(o);
  if ("unknown" in o.agent || waited < AGENT_GONE_MS)
    return wait(o, "terminating", `the agent is not online: ${why(o.agent)}`);
  return proceed(o, "terminating", `drain skipped: no agent for ${seconds(waited)}`, "drain-failed");
}

function afterDrain(o: HookObservation, run: CommandRun): Plan<HookAction> {
  if (run.state === "success") return proceed(o, "terminating", "the node is drained");
  if (run.state !== "running")
    return proceed(o, "terminating", `the drain command ${ended(run)}: ${lastWords(run)}`, "drain-failed");
  const ran = o.now - requestedAt(o);
  if (ran < DRAIN_DEADLINE_SECONDS * 1000 + DRAIN_GRACE_MS) return wait(o, "terminating", "the drain command runs");
  return proceed(o, "terminating", `the drain command hangs since ${seconds(ran)}`, "drain-failed");
}

/** Nothing to do but to keep the wait open; bounded, so that a wait which nobody can end does end. */
export function wait(o: HookObservation, transition: Transition, because: string, problem?: Problem): Plan<HookAction> {
  const since = waitingSince(o);
  const lookAgainMs = o.now - since < CLOSE_WATCH_MS ? LOOK_AGAIN_MS : LOOK_AGAIN_LATER_MS;
  const plan = { because: `${o.instanceId} waits: ${because}`, lookAgainMs };
  const problems = problem === undefined ? [] : [problem];
  if ("unknown" in o.record) return { ...plan, actions: [], problems };
  const record = isKnown(o.record) ? o.record.known : undefined;
  if (record !== undefined && record.heartbeats >= HEARTBEATS_MAX)
    return letGo(o, ...problems, {
      code: "hook-window-spent",
      node: o.instanceId,
      detail: `${record.heartbeats} heartbeats were sent`,
    });
  if (record?.heartbeatsRefused === true) return { ...plan, actions: [], problems };
  const last = record?.heartbeatAt ?? since;
  if (record !== undefined && o.now - last < HEARTBEAT_MS) return { ...plan, actions: [], problems };
  const isUp = isKnown(o.machine) && !isDead(o.machine.known.state);
  const isFresh = transition !== "terminating" && isUp && o.now - since < HEARTBEAT_MS;
  if (record === undefined && isFresh) return { ...plan, actions: [], problems };
  return {
    ...plan,
    problems,
    actions: [
      {
        kind: "heartbeat",
        ...step(o, transition),
        reason: `keep the hook open: ${because}`,
        idempotencyKey: `heartbeat ${o.instanceId} ${transition} ${(record?.heartbeats ?? 0) + 1}`,
      },
    ],
  };
}

/** The hook is no longer extended; Auto Scaling ends it with the hook's default result. */
const letGo = (o: HookObservation, ...problems: Problem[]): Plan<HookAction> => ({
  actions: [],
  because: `${o.instanceId} is left to its hook's timeout`,
  problems,
});

function send(o: HookObservation, transition: Transition, because: string, problem?: Problem): Plan<HookAction> {
  const unsettled = !isKnown(o.command) && isKnown(o.record) && o.record.known.requestedAt !== undefined;
  if (unsettled && o.now - requestedAt(o) < SEND_SETTLES_MS) return wait(o, transition, "a command may be on its way");
  const attempt = unsettled ? attemptsOf(o) : attemptsOf(o) + 1;
  return {
    because: `${transition === "launching" ? "launch" : "drain"} ${o.instanceId}`,
    lookAgainMs: LOOK_AGAIN_MS,
    problems: problem === undefined ? [] : [problem],
    actions: [
      {
        kind: "send-command",
        ...step(o, transition),
        attempt,
        reason: `${because}: ${transition === "terminating" ? "drain" : "launch"} it, attempt ${attempt}`,
        idempotencyKey: commandKey(o.instanceId, transition, attempt),
        ...(problem === undefined ? {} : { problem: problem.code }),
      },
    ],
  };
}

/** Names one attempt; it travels as the command's comment (100 characters at most), so that a lost answer can be found. */
export const commandKey = (instanceId: string, transition: Transition, attempt: number): string =>
  `tandem ${transition} ${instanceId} attempt ${attempt}`;

function proceed(o: HookObservation, transition: Transition, because: string, problem?: string): Plan<HookAction> {
  return {
    because: `${o.instanceId} may go on`,
    problems: problem === undefined ? [] : [{ code: problem, node: o.instanceId, detail: because }],
    actions: [
      {
        kind: "complete-hook",
        result: "CONTINUE",
        ...step(o, transition),
        reason: `CONTINUE: ${because}`,
        idempotencyKey: `complete ${o.instanceId} ${transition}`,
        ...(problem === undefined ? {} : { problem }),
      },
    ],
  };
}

function abandon(o: HookObservation, because: string, problem: string): Plan<HookAction> {
  return {
    because: `${o.instanceId} is given up, a replacement follows`,
    problems: [{ code: problem, node: o.instanceId, detail: because }],
    actions: [
      {
        kind: "complete-hook",
        result: "ABANDON",
        ...step(o, launchOf(o)),
        transition: launchOf(o),
        reason: `ABANDON: ${because}`,
        idempotencyKey: `complete ${o.instanceId} ${launchOf(o)}`,
        problem,
      },
    ],
  };
}

const launchOf = (o: HookObservation): "launching" | "warming" =>
  isKnown(o.membership) && waitingTransition(o.membership.known.lifecycleState) === "warming" ? "warming" : "launching";

/** A node from the warm pool was stopped until a moment ago, and EC2's answers may be older than that. */
const mayHaveStarted = (o: HookObservation, state: MachineState): boolean =>
  launchOf(o) === "launching" && state.startsWith("stop") && o.now - waitingSince(o) < STOPPED_DOUBT_MS;

const step = (o: HookObservation, transition: Transition) => ({
  instanceId: o.instanceId,
  group: isKnown(o.membership) ? o.membership.known.group : "",
  transition,
  waitingSince: waitingSince(o),
  precondition: `${o.instanceId} is in ${isKnown(o.membership) ? o.membership.known.lifecycleState : "its hook"}`,
});

/** A launch waits since the machine was started; a termination since we first saw it wait. */
function waitingSince(o: HookObservation): number {
  if (isKnown(o.record)) return o.record.known.waitingSince;
  const transition = isKnown(o.membership) ? waitingTransition(o.membership.known.lifecycleState) : undefined;
  const isUp = isKnown(o.machine) && !isDead(o.machine.known.state);
  return isUp && (transition === "launching" || transition === "warming") ? o.machine.known.launchedAt : o.now;
}

const attemptsOf = (o: HookObservation): number => (isKnown(o.record) ? o.record.known.attempt : 0);
const requestedAt = (o: HookObservation): number => (isKnown(o.record) ? (o.record.known.requestedAt ?? o.now) : o.now);
const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;

function why(fact: HookObservation["agent"] | HookObservation["machine"]): string {
  if ("unknown" in fact) return fact.unknown;
  if ("absent" in fact) return "not seen yet";
  return typeof fact.known === "string" ? fact.known : fact.known.state;
}

function ended(run: CommandRun): string {
  if (run.state === "timed-out") return "ran out of time";
  if (run.state === "undelivered") return "was not delivered";
  return `ended with exit code ${run.exitCode ?? "unknown"}`;
}

const lastWords = (run: CommandRun): string =>
  run.output.trim().slice(-OUTPUT_LENGTH_MAX) || "(the node printed nothing)";
