import { assertNever } from "../assert.ts";
import { isoTime } from "../clock.ts";
import { TandemError } from "../errors.ts";
import type { Farm } from "../farm.ts";
import { lookAt, planOf, sees } from "../lookout.ts";
import { nodesToLookAt } from "../fleet/nodes.ts";
import { newestVersion } from "../fleet/refresh/aws.ts";
import { groupsAws } from "../lifecycle/aws.ts";
import { peerOf, readPair } from "../database/pair.ts";
import type { JournalLine } from "../reconcile/journal.ts";
import type { Proposal } from "../reconcile/plan.ts";
import type { OperatorRequest, Wish } from "../reconcile/requests.ts";
import { instanceScope, type Scope } from "../scope.ts";
import type { DatabaseNode } from "../spec.ts";
import { farmStatus, type FarmStatus } from "../status.ts";
import { readOrder, type Order } from "./orders.ts";

/** What `maintain` answers: a status, an error of the operator's own making, or what came of the order in words. */
export type Answer =
  | FarmStatus
  | { readonly error: { readonly code: string; readonly message: string; readonly next: string } }
  | {
      readonly text: string;
      readonly lines?: readonly JournalLine[];
      readonly request?: OperatorRequest;
      readonly proposals?: readonly Proposal[];
    };

/** A node that is not draining, or back, after this long has another problem, and the wish is an old one. */
const NODE_WISH_MS = 15 * 60_000;
/** A switchover that was not possible within a minute is refused; the operator looks why, and asks again. */
const SWITCHOVER_WISH_MS = 60_000;
/** The wish is answered when the refresh has ended, after all its pauses; it begins within minutes or not at all. */
const REFRESH_WISH_MS = 7 * 86_400_000;
/** Whoever wants a refresh ended wants it now. */
const STOP_WISH_MS = 5 * 60_000;
/** How long an operator waits for an answer. The wish stays, and the minute clock goes on with it. */
const ANSWER_MS_MAX = 100_000;
/** How often an order looks for its answer while somebody else holds the scope. */
const POLL_MS = 500;
const JOURNAL_MS_DEFAULT = 3_600_000;
/** Lines that one order can lead to while it waits; more are in the journal. */
const LINES_MAX = 200;

/** Faults of the order itself: they are answered, because failing the invocation would hide the words. */
const OPERATORS_OWN: ReadonlySet<string> = new Set(["bad-parameter", "scope-not-provisioned"]);

/**
 * Reads an operator's order and carries it out.
 * @throws TandemError when something went wrong that is not the order's fault
 */
export async function carryOut(farm: Farm, given: unknown): Promise<Answer> {
  try {
    return await carry(farm, readOrder(given));
  } catch (error) {
    if (!(error instanceof TandemError) || !OPERATORS_OWN.has(error.code)) throw error;
    return { error: { code: error.code, message: error.message, next: error.next } };
  }
}

async function carry(farm: Farm, order: Order): Promise<Answer> {
  const now = farm.clock.now();
  switch (order.action) {
    case "status":
      return farmStatus(farm);
    case "plan":
      return { text: await plans(farm, order.scope) };
    case "journal": {
      const since = order.since === undefined ? now - JOURNAL_MS_DEFAULT : Date.parse(order.since);
      const lines = await farm.journal.read(since, order.limit);
      return { text: `${lines.length} lines since ${isoTime(since)}`, lines };
    }
    case "scale":
      return wish(farm, "web", { action: "scale", args: { count: order.count } }, now + order.forSeconds * 1000);
    case "drain": {
      const { instanceId, keep } = order;
      return wish(farm, instanceScope(instanceId), { action: "drain", args: { instanceId, keep } }, now + NODE_WISH_MS);
    }
    case "restore": {
      const { instanceId } = order;
      return wish(farm, instanceScope(instanceId), { action: "restore", args: { instanceId } }, now + NODE_WISH_MS);
    }
    case "switchover":
      return wish(
        farm,
        "database",
        { action: "switchover", args: { to: order.to ?? (await otherWriter(farm)) } },
        now + SWITCHOVER_WISH_MS,
      );
    case "refresh": {
      const { action, ...how } = order;
      return wish(farm, "web", { action, args: { version: await newest(farm), ...how } }, now + REFRESH_WISH_MS);
    }
    case "cancel-refresh":
    case "roll-back-refresh":
      return wish(farm, "web", { action: order.action, args: {} }, now + STOP_WISH_MS);
    case "proposals": {
      const proposals = await farm.proposals.of("database");
      return {
        text: proposals.length === 0 ? "nothing is proposed" : `${proposals.length} wait for approval`,
        proposals,
      };
    }
    case "approve":
      return wish(
        farm,
        "database",
        { action: "approve", args: { proposal: order.proposal } },
        now + SWITCHOVER_WISH_MS,
      );
    case "freeze": {
      const until = now + order.forSeconds * 1000;
      await farm.freezes.set({ scope: order.scope, until });
      return { text: `${order.scope} is frozen until ${isoTime(until)}: every plan is a dry run` };
    }
    case "thaw":
      await farm.freezes.thaw(order.scope);
      return {
        text: `${order.scope} is not frozen${order.scope === "farm" ? "; scopes that were frozen one by one still are" : ""}`,
      };
    default:
      return assertNever(order);
  }
}

/** Of a switchover that names no server. */
async function otherWriter(farm: Farm): Promise<DatabaseNode> {
  const pair = await readPair(farm.table);
  if (pair !== undefined) return peerOf(pair.writer);
  throw new TandemError("bad-parameter", "no writer is recorded yet: name the server with --to", {
    next: "tandem status shows the servers",
  });
}

/** Version of the web group's launch template that is to be rolled out. */
async function newest(farm: Farm): Promise<number> {
  const { webGroup } = farm.spec;
  const template = (await groupsAws(farm).group(webGroup))?.template;
  const version = template === undefined ? undefined : await newestVersion(farm, template.id);
  if (version !== undefined) return version;
  throw new TandemError("bad-parameter", `group ${webGroup} has no launch template`, { next: "deploy the farm" });
}

async function plans(farm: Farm, scope: Scope | undefined): Promise<string> {
  const scopes =
    scope === undefined ? [...farmScopes(farm), ...(await nodesToLookAt(farm)).map(instanceScope)] : [scope];
  const texts = await Promise.all(scopes.map(async (each) => `${each}: ${await planOf(farm, each)}`));
  return texts.join("\n");
}

const farmScopes = (farm: Farm): readonly Scope[] =>
  (["web", "special", "database", "cron"] as const).filter((scope) => sees(farm, scope));

/** Stores the wish, wakes the loop, and tells what came of it within the time that an operator waits. */
async function wish(farm: Farm, scope: Scope, what: Wish, expiresAt: number): Promise<Answer> {
  const createdAt = farm.clock.now();
  const until = createdAt + ANSWER_MS_MAX;
  // An order that Lambda delivers again is the same wish: what came after it must not be undone by its repetition.
  const id = farm.requestId;
  if ((await farm.requests.get(id)) === undefined)
    await farm.requests.put({ ...what, id, scope, createdAt, expiresAt, state: "pending" });

  const remainingMs = (): number => Math.min(farm.remainingMs(), until - farm.clock.now());
  const outcome = await lookAt({ ...farm, remainingMs }, scope, `an operator wants ${what.action}`);
  // Somebody else holds the scope: that holder hears of the wish within a second, and answers it.
  const request = await answered(farm, id, outcome.ended === "coalesced" ? until : 0);
  const lines =
    outcome.ended === "coalesced"
      ? (await farm.journal.read(createdAt, LINES_MAX)).filter((line) => line.scope === scope)
      : outcome.lines;
  return { text: words(request, outcome.because), lines, request };
}

async function answered(farm: Farm, id: string, until: number): Promise<OperatorRequest> {
  for (;;) {
    const request = await farm.requests.get(id);
    if (request === undefined)
      throw new TandemError("request-lost", `request ${id} is gone from the state table`, {
        next: "state the wish again",
      });
    if (request.state !== "pending" || farm.clock.now() >= until || farm.remainingMs() < 2 * POLL_MS) return request;
    await farm.clock.sleep(POLL_MS);
  }
}

const words = (request: OperatorRequest, because: string): string =>
  request.state === "pending"
    ? `${request.action} is not answered yet and stays a wish until ${isoTime(request.expiresAt)}: ${because}`
    : `${request.action} is ${request.state}: ${request.answer ?? ""}`;
