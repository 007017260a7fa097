import type { DatabaseDriver, ServerSession } from "../../../lib/database/driver.ts";
import type { DatabaseNode } from "../../../lib/spec.ts";
import { CODE, type Output } from "./event.ts";
import { connect, failure, told, unread, type LinkParts, type ModelLink } from "./link.ts";
import { sessionOn } from "./session.ts";
import type { Content } from "./state.ts";
import { serverState } from "./view.ts";

/** Whoever drives the servers: an execution environment, which may end at any time. */
export interface Driving {
  /** The value, or never if it has ended by then. */
  whileAlive<T>(value: Promise<T>): Promise<T>;
  readonly ended: Promise<void>;
}

export interface DriverParts extends LinkParts {
  addressOf(node: DatabaseNode): string;
  /** A name that nobody else in this world has. */
  fresh(prefix: string): string;
}

/** DatabaseDriver over the model of the pair: in virtual milliseconds, and through links that may be cut. */
export function modelDriver(parts: DriverParts, { whileAlive, ended }: Driving): DatabaseDriver {
  const { pair, fresh } = parts;
  return {
    read: (clock, at) =>
      whileAlive(
        (async () => {
          try {
            const link = await connect(parts, clock, at, false);
            // its statements belong to the greeting's time: looks are most of what a quiet world does
            return { known: serverState(pair.state(), link.node, parts.addressOf) };
          } catch (error) {
            const found = unread(error, at);
            if (found === undefined) throw error;
            return found;
          }
        })(),
      ),
    async beat(clock, at, _as, heartbeat, timeoutMs) {
      const work = async (): Promise<void> => {
        const link = await connect(parts, clock, at, true);
        await committing(parts, link, { kind: "heartbeat", heartbeat }, timeoutMs);
      };
      await whileAlive(
        work().catch((error: unknown) => {
          throw told(error, at);
        }),
      );
    },
    async session(clock, at, _as, use) {
      try {
        const link = await whileAlive(connect(parts, clock, at, true));
        const { node } = link;
        const session = fresh("session");
        const state = { isOpen: true };
        const close = (): void => {
          if (!state.isOpen) return;
          state.isOpen = false;
          link.ended(() => void pair.act({ kind: "unlock", node, session }));
        };
        void ended.then(close);
        const locked = await whileAlive(
          link.statement(({ servers }) => {
            if (servers[node].lock !== undefined) return false;
            if (state.isOpen) pair.act({ kind: "lock", node, session });
            return true;
          }),
        );
        if (!locked) throw failure("server-locked", `another controller works on ${at.host}:${at.port}`);
        const own = sessionOn({
          ...parts,
          link,
          session,
          isOpen: () => state.isOpen,
          write: (content, timeoutMs) => committing(parts, link, content, timeoutMs),
        });
        try {
          return await use(
            heardSession(own, (answer) =>
              whileAlive(
                answer.catch((error: unknown) => {
                  throw told(error, at);
                }),
              ),
            ),
          );
        } finally {
          close();
        }
      } catch (error) {
        throw told(error, at);
      }
    },
  };
}

/** Every answer goes by `hear`: to whoever is still there, with errors as the real driver says them. */
const heardSession = (session: ServerSession, hear: <T>(answer: Promise<T>) => Promise<T>): ServerSession => ({
  state: () => hear(session.state()),
  fence: (ms) => hear(session.fence(ms)),
  close: (ms) => hear(session.close(ms)),
  open: () => hear(session.open()),
  prepareSchema: () => hear(session.prepareSchema()),
  replicateFrom: (source, as) => hear(session.replicateFrom(source, as)),
  startReplication: (threads) => hear(session.startReplication(threads)),
  stopReplication: (threads) => hear(session.stopReplication(threads)),
  drained: (ms) => hear(session.drained(ms)),
  reached: (gtid, ms) => hear(session.reached(gtid, ms)),
  semiSync: (role, on) => hear(session.semiSync(role, on)),
});

/** A commit of the controller's own. Its connection is closed when it takes too long; the commit may still happen. */
async function committing(parts: DriverParts, link: ModelLink, content: Content, timeoutMs: number): Promise<void> {
  const { pair } = parts;
  const { node } = link;
  const id = parts.fresh(content.kind);
  let heard: Output | undefined;
  const stop = pair.listen((output) => {
    if (output.write.id === id) heard = output;
  });
  pair.act({ kind: "write", node, write: { id, client: "controller", content } });
  const isHeard = await pair.until(() => heard !== undefined, timeoutMs);
  stop();
  if (!isHeard) {
    pair.act({ kind: "abandon", node, write: id });
    throw failure("server-silent", `${node} has not committed within ${timeoutMs} ms`);
  }
  if (heard?.kind !== "failed") return;
  if (heard.code === CODE.connect || heard.code === CODE.lost)
    throw failure("server-refused", `${node} has cut the connection: ${heard.code}`);
  throw failure("server-failed", `${node} refuses the commit: ${heard.code}`);
}
