import type { Plan } from "../reconcile/plan.ts";
import type { OperatorRequest } from "../reconcile/requests.ts";
import type { DatabaseAction, PointRecords, PrepareWriter } from "./action.ts";
import { diagnose } from "./diagnose.ts";
import { isOpen, pairOf, rolesOf, type PairFacts } from "./facts.ts";
import { planMachine, type MachineObservation } from "./launch.ts";
import { together, type Part } from "./part.ts";
import { goOn, keepPeer } from "./peer.ts";
import { startMachines } from "./start.ts";
import { answerOfPair, planWishes } from "./switchover.ts";
import { endFence, failover, fenceOthers, orPeer, provision, reopen } from "./writer.ts";

/** Everything that is decided on: the machines, the servers, what was decided before, what operators want. */
export interface DatabaseObservation {
  readonly machines: readonly MachineObservation[];
  readonly facts: PairFacts;
  /** Open wishes for the scope, oldest first. */
  readonly requests: readonly OperatorRequest[];
  /** The farm has a private zone, whose writer and reader records follow. */
  readonly hasRecords: boolean;
}

/**
 * What the database tier needs now. The first part that wants something speaks for the pair, because each rests on the
 * ones before it: one writer at most; a writer; writers that go on; a peer that holds everything; an operator's wishes;
 * then what only follows. The machines' hooks go on beside it.
 */
export function planDatabase(o: DatabaseObservation): Plan<DatabaseAction> {
  const machines = o.machines.map(planMachine);
  const approvals = o.requests.filter(({ action, state }) => action === "approve" && state === "pending");
  const pair = planPair(o, approvals);
  const parts = [...machines, ...(pair === undefined ? [] : [pair])];
  // While something is done, or what was decided cannot be read, what is proposed may come to light again by the next look.
  const isAtRest = !("unknown" in o.facts.pair) && (pair?.actions ?? []).length === 0;
  const stale = isAtRest ? unfounded(o.facts, approvals, pair) : [];
  const waits = parts.flatMap((part) => part.lookAgainMs ?? []);
  return {
    actions: [...parts.flatMap((part) => part.actions), ...stale],
    because: parts.map((part) => part.because).join("; "),
    problems: [...diagnose(o.facts), ...parts.flatMap((part) => part.problems ?? [])],
    proposals: parts.flatMap((part) => part.proposals ?? []),
    ...(waits.length === 0 ? {} : { lookAgainMs: Math.min(...waits) }),
  };
}

function planPair(o: DatabaseObservation, approvals: readonly OperatorRequest[]): Part | undefined {
  const { facts } = o;
  if ("unknown" in facts.pair) return undefined;
  const first =
    fenceOthers(facts) ??
    provision(facts) ??
    withMachines(facts, failover(facts, approvals)) ??
    orPeer(facts, reopen(facts), approvals) ??
    goOn(facts) ??
    endFence(facts) ??
    prepare(o);
  if (first === undefined) return planWishes(facts, o.requests) ?? keep(o, approvals);
  // Nothing can be done now: an operator who wishes for something is told so, and not left waiting.
  const answers = first.actions.length === 0 ? planWishes(facts, o.requests) : undefined;
  return answers === undefined ? first : together([first, answers]);
}

/** A failover that is refused leaves the farm to the writer that it has: its machine must run, and its peer's too. */
function withMachines(facts: PairFacts, part: Part | undefined): Part | undefined {
  if (part === undefined || part.actions.length > 0) return part;
  return { ...part, actions: startMachines(facts, [facts.nodes["db-a"], facts.nodes["db-b"]]) };
}

function keep(o: DatabaseObservation, approvals: readonly OperatorRequest[]): Part | undefined {
  const peer = keepPeer(o.facts, approvals);
  if (peer !== undefined && peer.actions.length > 0) return peer;
  return together([peer, pointRecords(o)].filter((part) => part !== undefined));
}

/** An approval of what is not proposed (any more) does nothing, and says so. */
const unfounded = (facts: PairFacts, approvals: readonly OperatorRequest[], part: Part | undefined): DatabaseAction[] =>
  approvals.flatMap((approval) => {
    if (approval.action !== "approve") return [];
    const { proposal } = approval.args;
    const found = part?.proposals?.find(({ id }) => id === proposal);
    const words =
      found === undefined
        ? `${proposal} is not proposed now: see tandem proposals`
        : `${found.action} is not done by this version: ${found.evidence["howTo"] ?? "see docs/OPERATIONS.md"}`;
    return [answerOfPair(facts, approval, "refused", words)];
  });

/** A writer without what WordPress and Tandem need: the first thing once it is open. */
function prepare({ facts }: DatabaseObservation): Part | undefined {
  const writer = openWriterOf(facts);
  if (writer === undefined || pairOf(facts)?.prepared === true) return undefined;
  const action: PrepareWriter = {
    ...writer,
    kind: "prepare-writer",
    reason: "WordPress and Tandem need their databases and tables",
    idempotencyKey: `prepare ${writer.node}`,
  };
  return { actions: [action], because: `${writer.node} shall have what WordPress and Tandem need` };
}

/** For people and tools only: no failover waits for it. */
function pointRecords({ facts, hasRecords }: DatabaseObservation): Part | undefined {
  const writer = openWriterOf(facts);
  const last = pairOf(facts)?.recordsFor;
  if (!hasRecords || writer === undefined || last === writer.node) return undefined;
  const action: PointRecords = {
    ...writer,
    kind: "point-records",
    reason: `the records of writer and reader ${last === undefined ? "are not there yet" : `are those of ${last}`}`,
    idempotencyKey: `records ${writer.node}`,
  };
  return { actions: [action], because: `the records follow ${writer.node}` };
}

function openWriterOf(facts: PairFacts) {
  const roles = rolesOf(facts);
  if (roles === undefined || !isOpen(roles.writer)) return undefined;
  const { name } = roles.writer;
  return { node: name, writer: name, precondition: `${name} is the recorded writer` };
}
