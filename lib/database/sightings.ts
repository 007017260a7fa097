import type { DatabaseNode } from "../spec.ts";
import type { NodeFacts } from "./facts.ts";
import type { ServerFact, ServerState } from "./server.ts";

/**
 * What one observer remembers from look to look: how long something has been so. It starts anew with every run, so that
 * a run decides on what it has seen itself; that costs a hand-over some looks and nothing else.
 */
export interface Sightings {
  /** `unread` of the server as it was just read; undefined: it is known. */
  unread(node: DatabaseNode, server: ServerFact, now: number): NodeFacts["unread"];
  /** For how long no commit of the writer has been acknowledged although it waits; undefined: commits proceed. */
  stalledMs(writer: ServerState | undefined, now: number): number | undefined;
}

interface Unread {
  readonly cause: string;
  readonly since: number;
  looks: number;
}

export function openSightings(): Sightings {
  const unread = new Map<DatabaseNode, Unread>();
  let stalled: { readonly gtid: string; readonly since: number } | undefined;
  let last: string | undefined;
  return {
    unread(node, server, now) {
      if ("known" in server) {
        unread.delete(node);
        return undefined;
      }
      const before = unread.get(node);
      // Another cause is another fact: a server that was silent and now refuses has just begun to refuse.
      const found = before?.cause === server.cause ? before : { cause: server.cause, since: now, looks: 0 };
      found.looks += 1;
      unread.set(node, found);
      return { forMs: now - found.since, looks: found.looks };
    },
    stalledMs(writer, now) {
      const before = last;
      last = writer?.gtid;
      const waits =
        writer !== undefined &&
        writer.semiSync.source &&
        (writer.semiSync.clients === 0 || (writer.semiSync.waiting > 0 && writer.gtid === (stalled?.gtid ?? before)));
      if (!waits) stalled = undefined;
      else stalled ??= { gtid: writer.gtid, since: now };
      return stalled === undefined ? undefined : now - stalled.since;
    },
  };
}
