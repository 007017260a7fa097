import { answerRequest } from "../reconcile/answer.ts";
import type { OperatorRequest, RequestOutcome } from "../reconcile/requests.ts";
import type { AnswerOfPair, DatabaseAction, Switchover } from "./action.ts";
import { diagnose } from "./diagnose.ts";
import { errantOf, isOpen, pairOf, rolesOf, serverOf, type PairFacts } from "./facts.ts";
import { isEmpty } from "./gtid.ts";
import { LAG_SECONDS_MAX, lagSecondsOf } from "./lag.ts";
import type { Part } from "./part.ts";
import type { ProblemCode } from "./problem.ts";

/** Whatever of these is found, the writer stays where it is. */
const HINDRANCES: ReadonlySet<ProblemCode> = new Set([
  "two-writers",
  "wrong-writer",
  "link-cut",
  "receiver-denied",
  "source-purged",
  "receiver-stopped",
  "duplicate-key",
  "row-missing",
  "relay-log-corrupt",
  "applier-failed",
  "applier-stopped",
  "quarantined",
  "replication-not-configured",
  "lag-unknown",
]);

/** What is said rests on the record of the pair, which must not change before it is said. */
export const answerOfPair = (
  facts: PairFacts,
  wish: OperatorRequest,
  state: RequestOutcome["state"],
  words: string,
): AnswerOfPair => {
  const writer = pairOf(facts)?.writer;
  return { ...answerRequest(wish, state, words), ...(writer === undefined ? {} : { writer }) };
};

/** Answers what operators want of the pair, one wish at a time, the oldest first. */
export function planWishes(facts: PairFacts, requests: readonly OperatorRequest[]): Part | undefined {
  const wish = requests.find((each) => each.state === "pending" && each.action === "switchover");
  if (wish === undefined || wish.action !== "switchover") return undefined;
  const { to } = wish.args;
  const answer = (state: "done" | "refused", words: string): Part => ({
    actions: [answerOfPair(facts, wish, state, words)],
    because: words,
  });
  const roles = rolesOf(facts);
  if (roles === undefined) return answer("refused", "no writer is recorded yet");
  if (roles.writer.name === to) return isOpen(roles.writer) ? answer("done", `${to} is the writer already`) : undefined;
  const hindrance = hindranceOf(facts);
  if (hindrance !== undefined) return answer("refused", `${roles.writer.name} stays the writer: ${hindrance}`);
  const action: Switchover = {
    kind: "switchover",
    node: to,
    writer: roles.writer.name,
    requestId: wish.id,
    reason: `an operator wants ${to} to be the writer`,
    precondition: `${roles.writer.name} is the writer and ${to} holds every acknowledged write`,
    idempotencyKey: `switchover ${wish.id}`,
  };
  const actions: readonly DatabaseAction[] = [action];
  return { actions, because: `${to} shall be the writer` };
}

function hindranceOf(facts: PairFacts): string | undefined {
  const [pair, roles] = [pairOf(facts), rolesOf(facts)];
  if (pair === undefined || roles === undefined) return "no writer is recorded yet";
  for (const { name, server } of [roles.writer, roles.peer])
    if ("unknown" in server) return `${name} cannot be read: ${server.unknown}`;
  if (!isOpen(roles.writer)) return `${roles.writer.name} is read-only`;
  if (serverOf(roles.peer) === undefined || !pair.peerEligible)
    return `${roles.peer.name} may lack acknowledged writes`;
  const errant = errantOf(facts);
  if (errant !== undefined && !isEmpty(errant)) return `${roles.peer.name} holds errant transactions`;
  const lag = lagSecondsOf(facts);
  if (lag !== undefined && lag > LAG_SECONDS_MAX) return `${roles.peer.name} is ${Math.round(lag)} s behind`;
  const problem = diagnose(facts).find(({ code }) => HINDRANCES.has(code));
  return problem === undefined ? undefined : `${problem.code}: ${problem.node ?? ""} ${problem.detail}`;
}
