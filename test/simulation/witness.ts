import type { Table } from "../../lib/aws/table.ts";
import { TandemError } from "../../lib/errors.ts";
import type { JournalLine } from "../../lib/reconcile/journal.ts";
import type { VirtualClock } from "./virtual-clock.ts";
import type { Around } from "../../local/cloud/endpoint.ts";
import { texts } from "./texts.ts";

/** A call that changes the farm, and took effect. */
export interface Deed {
  readonly at: number;
  readonly functionName: string;
  readonly operation: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** How long ago a node had published its load. */
  readonly metricsAgeMs: number;
}

/** What is seen of the functions from outside: what they changed, what they wrote down, and who held which lease. */
export interface Witness {
  readonly deeds: readonly Deed[];
  /** Runs of due events, once a minute: no deeds of the farm's own. */
  readonly cronRuns: readonly Deed[];
  readonly lines: readonly JournalLine[];
  /** Rules that were broken, in words. */
  readonly broken: readonly string[];
  /** Sees the work of calls, those of the operator and of CloudFormation included. */
  readonly around: Around;
  /** How often an operation was asked for, refused calls and repeated attempts included. */
  asked(operation: string): number;
  /** How often a function was invoked. */
  invocations(functionName: string): number;
  invoked(functionName: string): void;
  /** How often the functions counted a metric of their own, e.g. `IgnoredEvents`. */
  counted(metric: string): number;
  counting(metric: string): void;
  /** The most calls of functions that were on their way at once. */
  callsAtOnceMax(): number;
  /** Sees a call before anything befalls it; what it returns sees its end. */
  calling(operation: string): () => void;
  journalled(line: JournalLine): void;
  failed(functionName: string, error: unknown): void;
  watch(table: Table): Table;
}

const DEEDS = new Set([
  "CompleteLifecycleAction",
  "RecordLifecycleActionHeartbeat",
  "SetDesiredCapacity",
  "SetInstanceHealth",
  "SuspendProcesses",
  "UpdateAutoScalingGroup",
  "StartInstanceRefresh",
  "CancelInstanceRefresh",
  "RollbackInstanceRefresh",
  "TerminateInstanceInAutoScalingGroup",
  "DeregisterTargets",
  "EnterStandby",
  "ExitStandby",
  "SendCommand",
  "StopInstances",
  "StartInstances",
  "ChangeResourceRecordSets",
]);

interface Held {
  readonly holder: string;
  readonly fence: number;
  readonly expiresAt: number;
  /** When the lease was taken. */
  readonly since: number;
}

/** `metricsAgeMs`: how long ago a node published its load. */
export function openWitness(clock: VirtualClock, metricsAgeMs: () => number): Witness {
  const deeds: Deed[] = [];
  const cronRuns: Deed[] = [];
  const lines: JournalLine[] = [];
  const broken: string[] = [];
  const asked = new Map<string, number>();
  const invoked = new Map<string, number>();
  const counted = new Map<string, number>();
  let underWay = 0;
  let mostAtOnce = 0;
  const leases = new Map<string, Held>();
  /** The acts that were begun, and whether somebody else held the lease by then. */
  const begun = new Map<string, boolean>();

  const leaseSeen = (scope: string, item: Readonly<Record<string, unknown>>): void => {
    const { holder, fence, expiresAt } = item;
    const before = leases.get(scope);
    if (typeof holder !== "string" || typeof fence !== "number" || typeof expiresAt !== "number") {
      leases.delete(scope);
      return;
    }
    if (before !== undefined && before.holder !== holder && before.expiresAt > clock.now())
      broken.push(`${scope}: ${holder} took the lease that ${before.holder} holds until ${before.expiresAt}`);
    if (before !== undefined && fence < before.fence) broken.push(`${scope}: the fence went back to ${fence}`);
    leases.set(scope, { holder, fence, expiresAt, since: before?.fence === fence ? before.since : clock.now() });
  };

  return {
    deeds,
    cronRuns,
    lines,
    broken,
    asked: (operation) => asked.get(operation) ?? 0,
    calling(operation) {
      addTo(asked, operation);
      mostAtOnce = Math.max(mostAtOnce, ++underWay);
      return () => void underWay--;
    },
    callsAtOnceMax: () => mostAtOnce,
    counted: (metric) => counted.get(metric) ?? 0,
    counting: (metric) => addTo(counted, metric),
    invocations: (functionName) => invoked.get(functionName) ?? 0,
    invoked: (functionName) => addTo(invoked, functionName),
    journalled(line) {
      lines.push(line);
      const { scope, fence, phase, result, reason } = line;
      const act = `${scope} ${fence} ${line.action}`;
      const held = leases.get(scope);
      const isLate = held !== undefined && held.fence > fence && Date.parse(line.at) > held.since;
      if (phase === "planned" && result === "begun") begun.set(act, isLate);
      if (phase !== "applied" || result.startsWith("failed")) return;
      if (begun.get(act) === true)
        broken.push(`${scope}: holder ${fence} acted when ${held?.fence} held the lease: ${reason}`);
      if (isLate && result.startsWith("done:"))
        broken.push(`${scope}: holder ${fence} does not say that it had lost the lease: ${reason}`);
    },
    failed(functionName, error) {
      // operating errors are typed; anything else is a defect, whatever went wrong around it
      if (!(error instanceof TandemError))
        broken.push(
          `${functionName} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
    },
    async around({ principal, operation, input }, perform) {
      const answer = await perform();
      const functionName = /:assumed-role\/[^/]+\/(tandem-.+)$/.exec(principal.arn)?.[1];
      if (DEEDS.has(operation) && functionName !== undefined) {
        const parameters = texts(input);
        const isCronRun = parameters["DocumentName"]?.endsWith("-cron") === true;
        const deed = { at: clock.now(), functionName, operation, parameters, metricsAgeMs: metricsAgeMs() };
        (isCronRun ? cronRuns : deeds).push(deed);
      }
      return answer;
    },
    watch: (table) => ({
      ...table,
      async update(key, change, condition) {
        const item = await table.update(key, change, condition);
        if (key.pk === "lease" && item !== undefined) leaseSeen(key.sk, item);
        return item;
      },
    }),
  };
}

const addTo = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
