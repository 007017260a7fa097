import { isDrained, isOpen, rolesOf, serverOf, type PairFacts } from "./facts.ts";

/** A page of WordPress that is this old on a reader is noticed; a switchover is not begun then, nor a failover. */
export const LAG_SECONDS_MAX = 10;

/** The row is written about once a second. */
const BEAT_MS = 1_000;

/**
 * How far the peer is behind, in seconds, by the heartbeat row: the watcher wrote it on the writer by its own clock, so
 * that the servers' clocks do not matter. While the writer cannot be read nobody writes it, and that time does not count.
 * Undefined: there is no row, none was written on an open writer of late, or the peer cannot be read.
 */
export function lagSecondsOf(facts: PairFacts): number | undefined {
  const roles = rolesOf(facts);
  const seen = roles && serverOf(roles.peer)?.heartbeat;
  if (roles === undefined || seen === undefined) return undefined;
  const written = serverOf(roles.writer)?.heartbeat;
  const latest = written?.writtenAt ?? facts.now - (roles.writer.unread?.forMs ?? 0) - BEAT_MS;
  // Two old rows are as alike on a peer that has applied nothing since as on one that has applied everything.
  const isStale = isOpen(roles.writer) && facts.now - latest > LAG_SECONDS_MAX * 1000;
  if (isStale && seen.writtenAt >= latest) return undefined;
  return Math.max(0, latest - seen.writtenAt) / 1000;
}

/**
 * Why the peer may need long to apply what it has received; undefined: it has applied all of it, or was not far behind.
 * How old the heartbeat row is says nothing of a peer that has applied everything: nobody wrote it meanwhile.
 */
export function lagDoubtOf(facts: PairFacts): string | undefined {
  const roles = rolesOf(facts);
  if (roles === undefined || isDrained(roles.peer, roles.writer) === true) return undefined;
  const lag = lagSecondsOf(facts);
  if (lag === undefined) return `how far ${roles.peer.name} is behind is unknown`;
  return lag > LAG_SECONDS_MAX ? `${roles.peer.name} was more than ${LAG_SECONDS_MAX} s behind` : undefined;
}
