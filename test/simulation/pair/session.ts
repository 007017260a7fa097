import type { ServerAddress, ServerSession } from "../../../lib/database/driver.ts";
import { contains, parseGtid } from "../../../lib/database/gtid.ts";
import type { DatabaseNode } from "../../../lib/spec.ts";
import { failure, type ModelLink } from "./link.ts";
import type { Happening } from "./event.ts";
import type { Pair } from "./pair.ts";
import { peerOf, type Content, type PairState, type Server } from "./state.ts";
import { serverState } from "./view.ts";

export interface SessionParts {
  readonly pair: Pair;
  readonly link: ModelLink;
  /** Its name in this world. */
  readonly session: string;
  /** Whether the client is still there: what it has not sent yet is never executed. */
  isOpen(): boolean;
  addressOf(node: DatabaseNode): string;
  nodeAt(host: string): DatabaseNode | undefined;
  /** Commits as the administrator and waits until that is done. Throws TandemError. */
  write(content: Content, timeoutMs: number): Promise<void>;
}

/** The DDL of what Tandem and WordPress need. */
const SCHEMA_MS_MAX = 3_000;

/** What the healer does on one server of the model, step by step as lib/database/sql/mysql.ts does it. */
export function sessionOn(parts: SessionParts): ServerSession {
  const { pair, link, isOpen } = parts;
  const { node } = link;
  const run = (happening: Happening): Promise<void> =>
    link.statement(() => {
      if (isOpen()) pair.act(happening);
    });
  const setReadOnly = (on: boolean): Promise<void> => run({ kind: "read-only", node, on });
  return {
    state: () => link.statement((state) => serverState(state, node, parts.addressOf)),
    async fence(timeoutMs) {
      await run({ kind: "offline", node, on: true });
      await run({ kind: "semi-sync", node, role: "source", on: false });
      if (!(await link.waits(isIdle, timeoutMs)))
        throw failure("fence-failed", `the server is not read-only after ${timeoutMs} ms`);
      await setReadOnly(true);
      await run({ kind: "offline", node, on: false });
    },
    close: (timeoutMs) => close(parts, timeoutMs),
    async open() {
      await run({ kind: "offline", node, on: false });
      await setReadOnly(false);
    },
    async prepareSchema() {
      const isThere = await link.statement(({ servers }) => servers[node].hasSchema);
      if (!isThere) await parts.write({ kind: "schema" }, SCHEMA_MS_MAX);
    },
    async replicateFrom(source: ServerAddress) {
      if (parts.nodeAt(source.host) !== peerOf(node))
        throw failure("server-failed", `${source.host} is not the other server`);
      await run({ kind: "replicate", node });
    },
    startReplication: (threads) => run({ kind: "threads", node, threads, run: true }),
    stopReplication: (threads) => run({ kind: "threads", node, threads, run: false }),
    async drained(timeoutMs) {
      const isOver = await link.waits((server) => isDrained(server) || server.channel?.sql !== "Yes", timeoutMs);
      return isOver && isDrained(pair.state().servers[node]);
    },
    reached: (gtid, timeoutMs) => link.waits((server, state) => reaches(state, server, gtid), timeoutMs),
    semiSync: (role, on) => run({ kind: "semi-sync", node, role, on }),
  };
}

/** Nothing is there that `super_read_only` would wait for. */
const isIdle = ({ transactions, waiting }: Server): boolean => transactions.length === 0 && waiting.length === 0;

const isDrained = ({ channel }: Server): boolean =>
  channel !== undefined && channel.sql === "Yes" && channel.applied === channel.relay.size;

const reaches = ({ flavour }: PairState, { executed }: Server, gtid: string): boolean =>
  contains(executed, parseGtid(flavour, gtid));

/** `super_read_only` under `lock_wait_timeout`: the server waits and decides, whether or not its client still hears it. */
async function close({ pair, link, session, isOpen }: SessionParts, timeoutMs: number): Promise<void> {
  const { node } = link;
  await link.statement(() => {
    if (isOpen()) pair.act({ kind: "closing", node, session });
  });
  const closed = pair
    .until(({ servers }) => isIdle(servers[node]) || servers[node].closing !== session, timeoutMs)
    .then(() => {
      const { closing, transactions, waiting } = pair.state().servers[node];
      if (closing !== session) return "the session is gone";
      const isClosed = transactions.length === 0 && waiting.length === 0;
      pair.act({ kind: "read-only", node, on: isClosed });
      return isClosed ? "" : `${transactions.length} running transactions, ${waiting.length} waiting commits`;
    });
  const held = await closed;
  await link.statement(() => undefined);
  if (held !== "") throw failure("close-timeout", `transactions did not end within ${timeoutMs} ms: ${held}`);
}
