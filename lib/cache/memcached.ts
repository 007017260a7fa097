import { connect, type Socket } from "node:net";
import type { Clock } from "../clock.ts";

/** What one Memcached server says of itself. */
export interface CacheState {
  /** Of the server's own computer. */
  readonly pid: number;
  readonly items: number;
  /** Since the server was started. */
  readonly hits: number;
  readonly misses: number;
}

export type CacheFact = { readonly known: CacheState } | { readonly unknown: string };

/** Reads one server. Never throws for what the server or the network does: that is an unknown. */
export type ReadCache = (clock: Clock, at: { readonly host: string; readonly port: number }) => Promise<CacheFact>;

/** A server in the same network answers within milliseconds. */
const ANSWER_MS = 1_000;
/** The statistics of a server are about 2 KB. */
const ANSWER_CHARACTERS_MAX = 65_536;

/** Asks a server for its statistics, by Memcached's text protocol, over a connection of its own. */
export const readMemcached: ReadCache = async (clock, at) => {
  const socket = connect(at);
  try {
    const text = await Promise.race([
      statistics(socket),
      clock.sleep(ANSWER_MS).then(() => Promise.reject(new Error(`no answer within ${ANSWER_MS} ms`))),
    ]);
    return parseStatistics(text);
  } catch (error) {
    return { unknown: `${at.host}:${at.port}: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    socket.destroy();
  }
};

const statistics = (socket: Socket): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      text += chunk;
      if (/^(END|ERROR|SERVER_ERROR.*)\r\n$/m.test(text)) resolve(text);
      else if (text.length > ANSWER_CHARACTERS_MAX) reject(new Error("the answer does not end"));
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the connection was closed")));
    socket.write("stats\r\n");
  });

/** `STAT <name> <value>` lines and `END`: https://github.com/memcached/memcached/blob/master/doc/protocol.txt */
export function parseStatistics(text: string): CacheFact {
  const stats = new Map(
    [...text.matchAll(/^STAT (\S+) (.*?)\r?$/gm)].map(([, name = "", value = ""]) => [name, value]),
  );
  const number = (name: string): number => Number(stats.get(name) ?? Number.NaN);
  const state = {
    pid: number("pid"),
    items: number("curr_items"),
    hits: number("get_hits"),
    misses: number("get_misses"),
  };
  if (Object.values(state).every(Number.isSafeInteger)) return { known: state };
  return { unknown: `not the statistics of a Memcached server: ${text.slice(0, 80).trim() || "nothing"}` };
}
