import type { Clock } from "../../clock.ts";
import { TandemError } from "../../errors.ts";
import type { DatabaseDriver, ServerAddress, ServerSession } from "../driver.ts";
import { causeOf, messageOf, openLink, serverError, text, type Query } from "./connection.ts";
import type { Flavoured } from "./flavour.ts";
import { mariadb } from "./mariadb.ts";
import { mysql } from "./mysql.ts";

/** For all the statements of one look together. */
const LOOK_MS = 1_000;
/** For one statement of a session, unless it has a limit of its own; below the life of the lease. */
const STATEMENT_MS = 3_000;
const POLL_MS = 20;

/** Chosen by what the server says of itself at every connection. */
async function flavourOf(query: Query): Promise<Flavoured> {
  const [row] = await query("SELECT VERSION() AS version");
  return /mariadb/i.test(text(row, "version")) ? mariadb : mysql;
}

/** Speaks to MySQL and MariaDB over the network. */
export const sqlDriver: DatabaseDriver = {
  async read(clock, at, as) {
    let link;
    try {
      link = await openLink(clock, at, as, clock.now() + 2 * LOOK_MS);
      const flavour = await flavourOf(link.query);
      return { known: await flavour.readState(link.query) };
    } catch (error) {
      return { unknown: `${at.host}:${at.port}: ${messageOf(error)}`, cause: causeOf(error) };
    } finally {
      link?.close();
    }
  },
  async beat(clock, at, as, { sequence, writtenAt }, timeoutMs) {
    await onLink(clock, at, as, "write the heartbeat", (query) =>
      query(
        "INSERT INTO tandem.heartbeat (id, sequence, written_at) VALUES (1, ?, ?) ON DUPLICATE KEY UPDATE sequence = VALUES(sequence), written_at = VALUES(written_at)",
        [sequence, writtenAt],
        timeoutMs,
      ),
    );
  },
  session: (clock, at, as, use) =>
    onLink(clock, at, as, "open a session", async (query) => {
      const [row] = await query("SELECT GET_LOCK('tandem', 0) AS locked");
      if (text(row, "locked") !== "1")
        throw new TandemError("server-locked", `another controller works on ${at.host}:${at.port}`, {
          next: "nothing: it is tried again",
          retriable: true,
        });
      const flavour = await flavourOf(query);
      const until = async (what: () => Promise<boolean>, ms: number): Promise<boolean> => {
        for (const end = clock.now() + ms; !(await what()); await clock.sleep(POLL_MS))
          if (clock.now() >= end) return false;
        return true;
      };
      return use(told(flavour.openSession(query, until), at));
    }),
};

async function onLink<T>(
  clock: Clock,
  at: ServerAddress,
  as: Parameters<DatabaseDriver["session"]>[2],
  doing: string,
  use: (query: Query) => Promise<T>,
): Promise<T> {
  let link;
  try {
    link = await openLink(clock, at, as, Infinity);
    const { query } = link;
    return await use((sql, values, timeoutMs = STATEMENT_MS) => query(sql, values, timeoutMs));
  } catch (error) {
    throw serverError(error, at, doing);
  } finally {
    link?.close();
  }
}

/** Every error of a session says what was being done, and never how. */
function told(session: ServerSession, at: ServerAddress): ServerSession {
  const words =
    <A extends unknown[], R>(doing: string, act: (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      try {
        return await act(...given);
      } catch (error) {
        throw serverError(error, at, doing);
      }
    };
  return {
    state: words("read the state", session.state),
    fence: words("fence the server", session.fence),
    close: words("close the server", session.close),
    open: words("open the server", session.open),
    prepareSchema: words("create databases and tables", session.prepareSchema),
    replicateFrom: words("configure replication", session.replicateFrom),
    startReplication: words("start replication", session.startReplication),
    stopReplication: words("stop replication", session.stopReplication),
    drained: words("wait for the applier", session.drained),
    reached: words("wait for transactions", session.reached),
    semiSync: words("switch semi-synchronous replication", session.semiSync),
  };
}
