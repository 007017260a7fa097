import type { Clock } from "../clock.ts";
import { TandemError } from "../errors.ts";
import type { Scope } from "../scope.ts";
import type { DatabaseNode } from "../spec.ts";
import type { Item, Key, Table } from "../aws/table.ts";
import { allOf, anyOf, equals, greaterThan, isAbsent } from "../aws/condition.ts";
import { requestOf } from "./request-item.ts";

/** The wishes that an operator can state, each with the arguments that it takes. */
export type Wish =
  | { readonly action: "scale"; readonly args: { readonly count: number } }
  /** With `keep` the node stays, out of service, until a `restore`; without it another replaces it. */
  | { readonly action: "drain"; readonly args: { readonly instanceId: string; readonly keep: boolean } }
  | { readonly action: "restore"; readonly args: { readonly instanceId: string } }
  | { readonly action: "switchover"; readonly args: { readonly to: DatabaseNode } }
  | { readonly action: "approve"; readonly args: { readonly proposal: string } }
  | { readonly action: "refresh"; readonly args: RollOut }
  | { readonly action: "cancel-refresh" | "roll-back-refresh"; readonly args: Readonly<Record<string, never>> };

/** How a version of the launch template comes to all web nodes. */
export interface RollOut {
  readonly version: number;
  readonly minHealthyPercent: number;
  /** Percentages at which it pauses, in ascending order. */
  readonly checkpoints: readonly number[];
  readonly checkpointDelaySeconds: number;
}

/**
 * `pending`: nobody has answered yet. `standing`: answered, and in force until it expires (a scale wish is a fact for
 * as long as it was asked for). `done` and `refused` are final.
 */
export type RequestState = "pending" | "standing" | "done" | "refused";

/** What an operator wants, stored before the loop is woken, so that a long holder never starves an operator. */
export type OperatorRequest = Wish & {
  readonly id: string;
  readonly scope: Scope;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Milliseconds since the epoch; from then on nobody observes the wish. */
  readonly expiresAt: number;
  readonly state: RequestState;
  /** One sentence by whoever answered. */
  readonly answer?: string;
};

export interface RequestOutcome {
  readonly state: "standing" | "done" | "refused";
  readonly answer: string;
}

export interface Requests {
  /** Stores a new request. Throws TandemError `request-exists` if the id was used before. */
  put(request: OperatorRequest): Promise<void>;
  /** The request as it is now, undefined when it was never stored or has been forgotten. */
  get(id: string): Promise<OperatorRequest | undefined>;
  /** What the loop must heed: pending and standing requests of the scope that have not expired, oldest first. */
  pending(scope: Scope): Promise<readonly OperatorRequest[]>;
  /** Pending and standing requests of every scope, oldest first. */
  open(): Promise<readonly OperatorRequest[]>;
  /** Answers a request. A final answer stays: settling it again is a no-op. */
  settle(id: string, outcome: RequestOutcome): Promise<void>;
}

/** All requests share one partition: an operator states a few a day, and status wants them all. */
const PARTITION = "request";

/** More open wishes than any operator keeps in mind; a bound on one observation. */
const OPEN_REQUESTS_MAX = 100;

const key = (id: string): Key => ({ pk: PARTITION, sk: id });

/** A settled request stays readable for a day, so that whoever asked can still see the answer. */
const KEPT_AFTER_EXPIRY_SECONDS = 86_400;

/**
 * The request items of one farm, in its state table. Single-item conditional writes only.
 */
export function openRequests(table: Table, clock: Clock): Requests {
  const open = async (): Promise<readonly OperatorRequest[]> => {
    const items = await table.query(PARTITION, {
      limit: OPEN_REQUESTS_MAX,
      where: allOf(
        greaterThan("expiresAt", clock.now()),
        anyOf(equals("state", "pending"), equals("state", "standing")),
      ),
    });
    return items.map(requestOf).toSorted((a, b) => a.createdAt - b.createdAt || a.id.localeCompare(b.id));
  };
  return {
    async put(request) {
      if (!(await table.put({ ...key(request.id), ...itemOf(request) }, isAbsent("pk"))))
        throw new TandemError("request-exists", `a request with id ${request.id} is already stored`, {
          next: "state the wish again: every request has an id of its own",
        });
    },
    async get(id) {
      const item = await table.get(key(id));
      return item === undefined ? undefined : requestOf(item);
    },
    open,
    pending: async (scope) => (await open()).filter((request) => request.scope === scope),
    async settle(id, outcome) {
      await table.update(
        key(id),
        { set: { state: outcome.state, answer: outcome.answer } },
        anyOf(equals("state", "pending"), equals("state", "standing")),
      );
    },
  };
}

function itemOf(request: OperatorRequest): Omit<Item, "pk" | "sk"> {
  const { id, scope, action, args, createdAt, expiresAt, state, answer } = request;
  const expires = Math.ceil(expiresAt / 1000) + KEPT_AFTER_EXPIRY_SECONDS;
  return {
    id,
    scope,
    action,
    args: { ...args },
    createdAt,
    expiresAt,
    state,
    expires,
    ...(answer === undefined ? {} : { answer }),
  };
}
