import { isDead, type CommandRun, type Machine } from "../lifecycle/observation.ts";
import { isKnown, type Fact } from "../reconcile/fact.ts";
import type { Action, Plan, Problem } from "../reconcile/plan.ts";

/** How often WordPress's due events are run: a scheduled post is at most this late, and the clock ticks no faster. */
const MINUTE_MS = 60_000;
/** SendCommand may have been accepted although nobody heard its answer; ListCommands shows it by then. */
const SEND_SETTLES_MS = 30_000;
/** SSM ends a run after ten minutes (infra/documents/cron.yml) and reports it within this. */
export const RUN_MS_MAX = 660_000;
/** Enough of a run's last words to see what went wrong; the log has the rest. */
const OUTPUT_LENGTH_MAX = 300;

/** The last run that was begun; one item of the state table. */
export interface CronRecord {
  readonly instanceId: string;
  /** Decided at, ms since the epoch. */
  readonly at: number;
  /** How the one before it failed: until a run succeeds, that stands. */
  readonly failure?: string;
}

/** Everything that decides whether WordPress's due events are run now, and where. */
export interface CronObservation {
  readonly now: number;
  /** Absent: this farm never ran any. */
  readonly last: Fact<CronRecord>;
  /** The command of the last run. Absent: it was never sent, or nobody can see it yet; not read once the minute has had its turn. */
  readonly run: Fact<CommandRun>;
  /** The machine of a run that goes on. Absent: EC2 does not know it any more. */
  readonly machine: Fact<Machine>;
  /**
   * Ids of nodes that are in service and healthy in the balancer's eyes, and whose agent is online, in the order of their
   * turns after the last run's.
   */
  readonly nodes: Fact<readonly string[]>;
}

/** Runs what is due on one node. Its record explains it, so that it has no lines in the journal. */
export interface RunCron extends Action {
  readonly kind: "run-cron";
  readonly routine: true;
  readonly instanceId: string;
  readonly at: number;
  /** Of the run before, for the record. */
  readonly failure?: string;
}

/**
 * WordPress's scheduled events: one run a minute, whatever the number of nodes, and never two at a time. The nodes take
 * turns, so that one which cannot do it costs its turn and no more.
 */
export function planCron(o: CronObservation): Plan<RunCron> {
  const failure = failureOf(o);
  const problems: Problem[] = failure === undefined ? [] : [{ code: "cron-failed", detail: failure }];
  const rest = (because: string): Plan<RunCron> => ({ actions: [], because, problems });
  if ("unknown" in o.last) return rest(`what ran last is unknown: ${o.last.unknown}`);
  const last = isKnown(o.last) ? o.last.known : undefined;
  if (last !== undefined) {
    if (hadTurn(last, o.now)) return rest(`${last.instanceId} had this minute's turn`);
    const going = whyGoing(o, last);
    if (going !== undefined) return rest(going);
  }
  if (!isKnown(o.nodes)) return rest(`who could run it is not known: ${"unknown" in o.nodes ? o.nodes.unknown : ""}`);
  const [next] = o.nodes.known;
  if (next === undefined) return rest("no node is in service, healthy and within reach");
  const minute = new Date(minuteOf(o.now) * MINUTE_MS).toISOString().slice(0, 16);
  return {
    because: "a minute has begun",
    problems,
    actions: [
      {
        kind: "run-cron",
        routine: true,
        instanceId: next,
        at: o.now,
        ...(failure === undefined ? {} : { failure }),
        reason: `run WordPress's due events on ${next}`,
        precondition: `${next} is in service and nobody has begun a run since`,
        idempotencyKey: `cron ${minute}`,
      },
    ],
  };
}

/** This minute's events have been run, or are being: nothing else decides then. */
export const hadTurn = ({ at }: CronRecord, now: number): boolean => minuteOf(at) >= minuteOf(now);

const minuteOf = (ms: number): number => Math.floor(ms / MINUTE_MS);

/** Why the last run may still be going on. What cannot be read counts as going on: two at a time would do work twice. */
function whyGoing({ run, machine, now }: CronObservation, { instanceId, at }: CronRecord): string | undefined {
  const age = now - at;
  if (age >= RUN_MS_MAX) return undefined;
  if ("unknown" in run) return `whether the run on ${instanceId} is over is unknown: ${run.unknown}`;
  if (!isKnown(run)) return age < SEND_SETTLES_MS ? `a run may be on its way to ${instanceId}` : undefined;
  if (run.known.state !== "running") return undefined;
  if ("unknown" in machine) return `whether the machine of ${instanceId} lives is unknown: ${machine.unknown}`;
  const isLost = !isKnown(machine) || isDead(machine.known.state);
  return isLost ? undefined : `the run on ${instanceId} goes on since ${Math.round(age / 1000)} s`;
}

/**
 * How the last run that is over failed. One that was lost with its machine is no failure of its own: the next finds what
 * is still due.
 */
function failureOf({ run, last }: CronObservation): string | undefined {
  if (!isKnown(last)) return undefined;
  const { instanceId, failure } = last.known;
  if (!isKnown(run) || run.known.state === "running") return failure;
  const { state, exitCode, output } = run.known;
  if (state === "success") return undefined;
  const how = state === "failed" ? `ended with exit code ${exitCode ?? "unknown"}` : state;
  const words = output.trim().slice(-OUTPUT_LENGTH_MAX) || "(the node printed nothing)";
  return `the last run of due events, on ${instanceId}, ${how}: ${words}`;
}

/** Names one run; it travels as the command's comment, so that a lost answer can be found. */
export const runKey = ({ instanceId, at }: CronRecord): string =>
  `tandem cron ${instanceId} ${new Date(at).toISOString()}`;
