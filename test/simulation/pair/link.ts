import type { Clock } from "../../../lib/clock.ts";
import type { ServerAddress } from "../../../lib/database/driver.ts";
import type { UnreadCause } from "../../../lib/database/server.ts";
import { TandemError } from "../../../lib/errors.ts";
import type { DatabaseNode } from "../../../lib/spec.ts";
import type { Chance } from "../chance.ts";
import type { Pair } from "./pair.ts";
import { isLinked, isUp, type PairState, type Server } from "./state.ts";

/** As lib/database/sql/connection.ts: a server in the same network answers in milliseconds. */
const CONNECT_MS = 1_000;
/** For one statement that has no limit of its own. */
const STATEMENT_MS = 3_000;
/** TCP, TLS and greeting; one statement there and back. */
const GREETING_MS = [2, 6] as const;
const ANSWER_MS = [1, 3] as const;
/** Until a server notices that a client is gone which it cannot hear: `GET_LOCK` is held so long. */
const UNHEARD_MS = 60_000;

export interface LinkParts {
  readonly pair: Pair;
  readonly chance: Chance;
  /** The node whose machine has this address now. */
  nodeAt(host: string): DatabaseNode | undefined;
}

/** Why a server gives no answer now. */
class Unanswered extends Error {
  readonly reason: UnreadCause;

  constructor(reason: UnreadCause) {
    super(reason);
    this.reason = reason;
  }
}

/** A connection of the controller to one start of a server. */
export interface ModelLink {
  readonly node: DatabaseNode;
  /** One statement is there and back; what `run` does, it does at the server. Throws where nobody answers. */
  statement<T>(run: (state: PairState) => T, withinMs?: number): Promise<T>;
  /** So long the statement waits at the server for this. False: not within that time. Throws as `statement`. */
  waits(what: (server: Server, state: PairState) => boolean, ms: number): Promise<boolean>;
  /** The connection is gone when the server notices. */
  ended(then: () => void): void;
}

/** Connects as the observer or the healer, whom `offline_mode` lets in. Throws as the network and the server do. */
export async function connect(
  { pair, chance, nodeAt }: LinkParts,
  clock: Clock,
  { host }: ServerAddress,
  isHealer: boolean,
): Promise<ModelLink> {
  const node = nodeAt(host);
  if (node === undefined) {
    await clock.sleep(CONNECT_MS);
    throw new Unanswered("silent");
  }
  await clock.sleep(chance.whole(...GREETING_MS));
  if (!(await pair.until((state) => isHeard(state, node), CONNECT_MS))) throw new Unanswered("silent");
  const { start, isFull, offline, process } = pair.state().servers[node];
  if (process.is !== "up") throw new Unanswered("refused");
  if (isFull) throw new Unanswered("too-many-connections");
  if (offline && !isHealer) throw new Unanswered("offline");

  const isGone = (state: PairState): boolean => state.servers[node].start !== start || !isUp(state.servers[node]);
  const answered = async (withinMs: number): Promise<void> => {
    if (!(await pair.until((state) => isHeard(state, node), withinMs))) throw new Unanswered("silent");
    if (isGone(pair.state())) throw new Unanswered("refused");
  };
  return {
    node,
    async statement(run, withinMs = STATEMENT_MS) {
      await clock.sleep(chance.whole(...ANSWER_MS));
      await answered(withinMs);
      return run(pair.state());
    },
    async waits(what, ms) {
      const holds = (state: PairState): boolean => what(state.servers[node], state);
      // what is so already is known after an answer, like everything else
      await clock.sleep(chance.whole(...ANSWER_MS));
      await pair.until((state) => holds(state) || isGone(state), ms);
      await answered(CONNECT_MS);
      return holds(pair.state());
    },
    ended(then) {
      void pair
        .until((state) => isGone(state) || (isHeard(state, node) && isUp(state.servers[node])), UNHEARD_MS)
        .then(then);
    },
  };
}

/** Something answers the controller, be it with a refusal: its packets arrive, and no process hangs on them. */
const isHeard = (state: PairState, node: DatabaseNode): boolean =>
  isLinked(state, "controller", node) && state.servers[node].hasPower && state.servers[node].process.is !== "hung";

const CODES: Readonly<Record<UnreadCause, string>> = {
  refused: "server-refused",
  silent: "server-silent",
  offline: "server-failed",
  "too-many-connections": "server-busy",
  denied: "server-denied",
  "no-credentials": "server-denied",
  failed: "server-failed",
};
const WORDS: Readonly<Record<UnreadCause, string>> = {
  refused: "ECONNREFUSED: nothing listens there",
  silent: "ETIMEDOUT: no answer",
  offline: "ER_SERVER_OFFLINE_MODE: the server is currently in offline mode",
  "too-many-connections": "ER_CON_COUNT_ERROR: too many connections",
  denied: "ER_ACCESS_DENIED_ERROR",
  "no-credentials": "no credentials",
  failed: "it failed",
};

/** What a look takes it for; undefined: it is no answer of a server or of the network, but a defect. */
export const unread = (error: unknown, { host, port }: ServerAddress) =>
  error instanceof Unanswered ? { unknown: `${host}:${port}: ${WORDS[error.reason]}`, cause: error.reason } : undefined;

/** As the real driver says it. */
export function told(error: unknown, { host, port }: ServerAddress): unknown {
  if (!(error instanceof Unanswered)) return error;
  return failure(CODES[error.reason], `${host}:${port}: ${WORDS[error.reason]}`);
}

export const failure = (code: string, message: string): TandemError =>
  new TandemError(code, message, { next: "nothing: the next look decides anew", retriable: true });
