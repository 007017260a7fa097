import type { DatabaseAction, ServerAction } from "../../../lib/database/action.ts";
import type { Plan } from "../../../lib/reconcile/plan.ts";
import { isRead, type PairState } from "./states.ts";

/** What must be so of the pair before this is done to it. A missing entry means that it is never done in these states. */
type Rule = (p: PairState, plan: readonly DatabaseAction[], isApproved: boolean) => boolean;

const isOpen = (n: PairState["writer"]): boolean => isRead(n) && n.access === "open";
const isRecorded = (p: PairState): boolean => p.record === "db-a";
const hasOwn = (p: PairState): boolean => p.relation === "ahead" || p.relation === "diverged";
/** Its receiver runs or tries, and has no word of the writer. */
const isUnheard = ({ io, heard }: PairState["peer"]): boolean =>
  io === "Connecting" || io === "2003" || (io === "Yes" && heard === "unheard");
const isStopped = ({ machine }: PairState["writer"]): boolean => machine === "stopped";
const isProvenDead = ({ writer, peer }: PairState): boolean =>
  (writer.reach === "silent" && isStopped(writer)) ||
  (writer.age === "over" &&
    ((writer.reach === "refused" && !(peer.io === "Yes" && peer.heard === "heard") && peer.io !== "1045") ||
      (writer.reach === "silent" && isUnheard(peer))));
const before = (
  plan: readonly DatabaseAction[],
  kind: DatabaseAction["kind"],
  meant: (a: DatabaseAction) => boolean,
): boolean => plan.findIndex((a) => a.kind === kind) > plan.findIndex(meant) && plan.some(meant);
const isFence = (a: DatabaseAction): boolean => a.kind === "fence" && a.node === "db-a";

/** One rule for each thing that could cost data, or let two servers write. */
const RULES: { readonly [K in ServerAction["kind"]]?: (action: Extract<ServerAction, { kind: K }>) => Rule } = {
  "record-pair": (action) => (p) =>
    p.record === "absent" &&
    isRead(p.writer) &&
    isRead(p.peer) &&
    (action.node === "db-a"
      ? isOpen(p.writer) && !isOpen(p.peer) && !hasOwn(p) && p.relation !== "lacked"
      : isOpen(p.peer) && !isOpen(p.writer)),
  fence: (action) => (p, plan, isApproved) => {
    if (action.way === "machine")
      return (
        action.node === "db-a" &&
        isRecorded(p) &&
        isProvenDead(p) &&
        p.writer.machine === "running" &&
        plan.some(({ kind }) => kind === "promote")
      );
    const node = action.node === "db-a" ? p.writer : p.peer;
    if (node.reach === "offline") return p.record !== "unknown";
    if (action.node === "db-a" && isRecorded(p)) return isApproved && !isOpen(p.writer) && p.relation === "lacked";
    return (
      isOpen(node) &&
      (isRecorded(p) ? action.node === "db-b" : p.record === "absent" && isOpen(p.writer) && isOpen(p.peer))
    );
  },
  promote: (action) => (p, plan, isApproved) =>
    action.node === "db-b" &&
    isRecorded(p) &&
    isRead(p.peer) &&
    p.peer.access === "closed" &&
    (isRead(p.writer) ? isApproved && p.writer.access === "closed" : isProvenDead(p)) &&
    (isStopped(p.writer) || before(plan, "promote", isFence)) &&
    (action.how === "approved"
      ? isApproved
      : p.eligible === "eligible" &&
        p.peer.sql === "Yes" &&
        !hasOwn(p) &&
        (p.relation !== "behind" || p.lag === "none" || p.lag === "small")),
  "open-writer": (action) => (p) =>
    action.node === "db-a" &&
    isRecorded(p) &&
    isRead(p.writer) &&
    p.writer.access === "closed" &&
    !isOpen(p.peer) &&
    p.relation !== "lacked",
  "start-replication": (action) => (p) => {
    if (!isRead(p.writer))
      return (
        action.node === "db-b" &&
        p.writer.reach === "silent" &&
        p.writer.age === "over" &&
        isRead(p.peer) &&
        p.peer.io === "No" &&
        p.relation !== "behind"
      );
    const node = action.node === "db-a" ? p.writer : p.peer;
    return (
      isRecorded(p) &&
      isOpen(p.writer) &&
      isRead(p.peer) &&
      !isOpen(p.peer) &&
      node.io === "No" &&
      (!hasOwn(p) || (p.writer.io === "Yes" && p.writer.sql === "Yes"))
    );
  },
  "semi-sync": (action) => (p, plan) => {
    if (!isRecorded(p) || !isOpen(p.writer)) return false;
    if (!action.on)
      return (
        action.role === "source" &&
        action.node === "db-a" &&
        before(plan, "semi-sync", (a) => a.kind === "mark-peer" && !a.eligible)
      );
    const isWhole =
      isRead(p.peer) && p.peer.io === "Yes" && p.peer.heard === "heard" && p.peer.sql === "Yes" && !hasOwn(p);
    return isWhole && (action.role === "replica" || p.lag === "none");
  },
  "mark-peer": (action) => (p) => isRecorded(p) && isOpen(p.writer) && !action.eligible,
  quarantine: (action) => (p) =>
    action.node === "db-b" && isRecorded(p) && isOpen(p.writer) && isRead(p.peer) && hasOwn(p),
  "accept-errant": () => (p, _plan, isApproved) =>
    isApproved && isRecorded(p) && isOpen(p.writer) && isRead(p.peer) && hasOwn(p),
  "start-machine": (action) => (p) => isRecorded(p) && isStopped(action.node === "db-a" ? p.writer : p.peer),
};

/** Why the plan must not be carried out in this state. Empty: it may. */
export function violations(p: PairState, { actions }: Plan<DatabaseAction>, isApproved: boolean): string[] {
  const broken = actions.flatMap((action) =>
    isAllowed(p, action, actions, isApproved) ? [] : [`${action.kind} must not be done`],
  );
  return twoOpen(p, actions) ? [...broken, "two servers are open"] : broken;
}

function isAllowed(
  p: PairState,
  action: DatabaseAction,
  plan: readonly DatabaseAction[],
  isApproved: boolean,
): boolean {
  switch (action.kind) {
    case "answer-request":
      return true;
    case "record-pair":
      return RULES["record-pair"]?.(action)(p, plan, isApproved) === true;
    case "fence":
      return RULES.fence?.(action)(p, plan, isApproved) === true;
    case "promote":
      return RULES.promote?.(action)(p, plan, isApproved) === true;
    case "open-writer":
      return RULES["open-writer"]?.(action)(p, plan, isApproved) === true;
    case "start-replication":
      return RULES["start-replication"]?.(action)(p, plan, isApproved) === true;
    case "semi-sync":
      return RULES["semi-sync"]?.(action)(p, plan, isApproved) === true;
    case "mark-peer":
      return RULES["mark-peer"]?.(action)(p, plan, isApproved) === true;
    case "quarantine":
      return RULES.quarantine?.(action)(p, plan, isApproved) === true;
    case "accept-errant":
      return RULES["accept-errant"]?.(action)(p, plan, isApproved) === true;
    case "start-machine":
      return RULES["start-machine"]?.(action)(p, plan, isApproved) === true;
    default:
      return false;
  }
}

/**
 * The plan on a model of two switches. A recorded writer that cannot be read may be open, unless its machine is stopped;
 * a peer that cannot be read is closed, because every server starts so and only a recorded one is opened.
 */
function twoOpen(p: PairState, actions: readonly DatabaseAction[]): boolean {
  const open = {
    "db-a": isRead(p.writer) ? isOpen(p.writer) : isRecorded(p) && !isStopped(p.writer),
    "db-b": isOpen(p.peer),
  };
  let isOpened = false;
  for (const action of actions) {
    if (action.kind === "fence") open[action.node] = false;
    if (action.kind !== "promote" && action.kind !== "open-writer") continue;
    open[action.node] = true;
    isOpened = true;
    if (open["db-a"] && open["db-b"]) return true;
  }
  return isOpened && open["db-a"] && open["db-b"];
}
