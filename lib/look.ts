import { TandemError } from "./errors.ts";
import { lookAt, sees, type Lookout } from "./lookout.ts";
import type { FleetDeps } from "./fleet/deps.ts";
import { nodesToLookAt } from "./fleet/nodes.ts";
import { groupsAws } from "./lifecycle/aws.ts";
import { keepNotice } from "./lifecycle/notice.ts";
import type { Outcome } from "./reconcile/loop.ts";
import { instanceScope, scopeInstance, type Scope } from "./scope.ts";
import { readTriggers } from "./trigger/read.ts";
import { scopeOfGroup, type Trigger } from "./trigger/trigger.ts";

/** What a function answers: how each look ended, and what of the event had no effect. */
export interface Report {
  readonly looks: readonly Pick<Outcome, "scope" | "ended" | "because" | "passes">[];
  readonly ignored?: readonly string[];
  /** The first of the event's faults, if it has any. It is an answer and not a failure: Lambda would try it again. */
  readonly error?: { readonly code: string; readonly message: string; readonly next: string };
}

/** Looks at a time in one invocation. Most of them only wait for machines; all share one process and its sockets. */
const LOOKS_AT_ONCE_MAX = 25;

/** The places of one invocation's looks: whoever finds none free waits for its turn. */
function openPlaces() {
  let free = LOOKS_AT_ONCE_MAX;
  const waiting: (() => void)[] = [];
  return {
    async within<T>(work: () => Promise<T>): Promise<T> {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => void waiting.push(resolve));
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) free++;
        else next();
      }
    },
  };
}

type Places = ReturnType<typeof openPlaces>;

interface Wish {
  readonly scope: Scope;
  readonly cause: string;
}

/**
 * Looks at every scope that the event hints at.
 * @throws TandemError `looks-failed` that names the scopes whose look failed, after all have been tried
 */
export async function lookAtEvent(farm: Lookout, event: unknown): Promise<Report> {
  const places = openPlaces();
  const triggers = await Promise.all(
    readTriggers(event, farm.spec).map((trigger) => places.within(() => lookable(farm, trigger))),
  );
  const ignored = triggers.flatMap((trigger) => (trigger.kind === "ignored" ? [trigger.reason] : []));
  const errors = triggers.flatMap((trigger) => (trigger.kind === "rejected" ? [trigger.error] : []));
  for (const reason of ignored) drop(farm, "IgnoredEvents", reason);
  for (const { message } of errors) drop(farm, "RejectedEvents", message);

  const wishes = triggers.flatMap((trigger) => (trigger.kind === "look" ? [trigger] : []));
  const looks = [...(await lookAtAll(farm, wishes)), ...(await lookAtTier(farm, wishes))].map(reported);
  const [error] = errors;
  return {
    looks,
    ...(ignored.length === 0 ? {} : { ignored }),
    ...(error === undefined ? {} : { error: { code: error.code, message: error.message, next: error.next } }),
  };
}

/** A look at the size of each class of web nodes. */
const tiers = (farm: Lookout, cause: string): readonly Wish[] =>
  (["web", "special"] as const).filter((scope) => sees(farm, scope)).map((scope) => ({ scope, cause }));

/** A node that came or went may have been what the tier's next step waited for. */
async function lookAtTier(farm: Lookout, wishes: readonly Wish[]): Promise<readonly Outcome[]> {
  const node = wishes.find(({ scope }) => scopeInstance(scope) !== undefined);
  return node === undefined ? [] : lookAtAll(farm, tiers(farm, node.cause));
}

type NodeFarm = Lookout & FleetDeps;

/** Looks at every scope of the farm, asked or not: a lost event costs delay and nothing else. */
export async function lookAtFarm(farm: NodeFarm): Promise<Report> {
  // Nodes that a change set in motion are looked at beside those that moved before, in the same places.
  const places = openPlaces();
  const parts = await Promise.allSettled([
    lookAtAll(farm, tiers(farm, CLOCK)).then((tier) => andFollow(farm, tier, places)),
    lookAtAll(farm, [{ scope: "database", cause: CLOCK }]),
    lookAtAll(farm, [{ scope: "cron", cause: CLOCK }]),
    lookAtNodes(farm, places),
  ]);
  const failures = parts.flatMap((part) => (part.status === "rejected" ? [part.reason] : []));
  if (failures.length > 0) throw together(failures.map((failure: unknown) => ["", failure]));
  return { looks: parts.flatMap((part) => (part.status === "fulfilled" ? part.value : [])).map(reported) };
}

const CLOCK = "the clock";

async function lookAtNodes(farm: NodeFarm, places: Places): Promise<readonly Outcome[]> {
  const ids = await nodesToLookAt(farm);
  return lookAtAll(
    farm,
    ids.map((id) => ({ scope: instanceScope(id), cause: CLOCK })),
    places,
  );
}

/** Auto Scaling chooses and moves a node within seconds of a change; the next minute sees one that took longer. */
const MOVES_MS_MAX = 10_000;
const MOVES_LOOK_MS = 2_000;

/**
 * A changed size sets nodes in motion, and the event of their hook may be lost: whoever changed it sees them through.
 * Without this the nodes would wait for the next minute, and the tier's next change for the one after.
 */
async function andFollow(farm: NodeFarm, tier: readonly Outcome[], places: Places): Promise<readonly Outcome[]> {
  const isChanged = tier.some(({ lines }) =>
    lines.some(({ phase, action }) => phase === "applied" && action === "set-desired"),
  );
  if (!isChanged) return tier;
  let nodes: readonly Outcome[] = [];
  for (const until = farm.clock.now() + MOVES_MS_MAX; nodes.length === 0 && farm.clock.now() < until;) {
    await farm.clock.sleep(MOVES_LOOK_MS);
    nodes = await lookAtNodes(farm, places);
  }
  return [...tier, ...nodes];
}

const reported = ({ scope, ended, because, passes }: Outcome): Report["looks"][number] => ({
  scope,
  ended,
  because,
  passes,
});

function drop(farm: Lookout, metric: "IgnoredEvents" | "RejectedEvents", why: string): void {
  farm.count(metric);
  farm.note(why);
}

/** A hint at what this function has no capability for is another function's, and the minute clock looks there too. */
async function lookable(farm: Lookout, trigger: Trigger): Promise<Exclude<Trigger, { kind: "locate" }>> {
  const found = await located(farm, trigger);
  if (found.kind !== "look" || sees(farm, found.scope)) return found;
  return { kind: "ignored", reason: `this function does not look at ${found.scope}: ${found.cause}` };
}

/**
 * Events of EC2 name any instance of the account: only one read tells whether it is the farm's. What was announced of one
 * of ours is kept before anybody looks; of another one nothing is written.
 */
async function located(farm: Lookout, trigger: Trigger): Promise<Exclude<Trigger, { kind: "locate" }>> {
  if (trigger.kind !== "locate") return trigger;
  const { instanceId, cause, announced } = trigger;
  const group = (await groupsAws(farm).membership(instanceId))?.group;
  const scope = group === undefined ? undefined : scopeOfGroup(farm.spec, group, instanceId);
  if (scope === undefined)
    return {
      kind: "ignored",
      reason: `not ours: ${instanceId} is in ${group === undefined ? "no group" : `group ${group}`}`,
    };
  if (announced !== undefined) await keepNotice(farm.table, farm.clock.now(), instanceId, announced);
  return { kind: "look", scope, cause };
}

/** Each wish in turn, some at a time; one that fails does not stop the others. */
async function lookAtAll(
  farm: Lookout,
  wishes: readonly Wish[],
  places: Places = openPlaces(),
): Promise<readonly Outcome[]> {
  const distinct = [...new Map(wishes.map((wish) => [wish.scope, wish])).values()];
  const looks: Outcome[] = [];
  const failures: [string, unknown][] = [];
  const lookOnce = async ({ scope, cause }: Wish): Promise<void> => {
    try {
      looks.push(await lookAt(farm, scope, cause));
    } catch (error) {
      failures.push([scope, error]);
    }
  };
  await Promise.all(distinct.map((wish) => places.within(() => lookOnce(wish))));
  if (failures.length > 0) throw together(failures);
  return looks;
}

/** One error that names all. A single broken invariant among them makes it one that trying again cannot mend. */
function together(failures: readonly (readonly [string, unknown])[]): TandemError {
  const words = failures.map(
    ([scope, error]) => `${scope === "" ? "" : `${scope}: `}${error instanceof Error ? error.message : String(error)}`,
  );
  return new TandemError("looks-failed", words.join("; "), {
    next: "tandem journal says what failed and why; the minute clock looks again",
    retriable: failures.every(([, error]) => error instanceof TandemError && error.retriable),
    cause: failures[0]?.[1],
  });
}
