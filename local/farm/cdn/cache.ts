import type { IncomingHttpHeaders } from "node:http";
import type { Place } from "./key.ts";

/** What one answer may weigh to be kept; static files of WordPress are far below. AWS's own limit is 50 GB. */
export const OBJECT_BYTES_MAX = 16 * 1_024 * 1_024;
/** Of one distribution; the least recently used goes first. */
const CACHE_BYTES_MAX = 256 * 1_024 * 1_024;
const ENTRIES_MAX = 20_000;

export interface Entry {
  readonly address: string;
  readonly status: number;
  headers: IncomingHttpHeaders;
  /** Names and values as the origin sent them, in order. */
  rawHeaders: readonly string[];
  readonly body: Buffer;
  storedAt: number;
  freshUntil: number;
}

/** Answers of one distribution. */
export interface Cache {
  get(place: Place): Entry | undefined;
  /** `begunAt` is what `begin` gave before the origin was asked: what was invalidated since is not kept. */
  put(place: Place, entry: Entry, begunAt: number): void;
  drop(place: Place): void;
  begin(): number;
  /** Gives how many entries were removed. */
  invalidate(paths: readonly string[]): number;
}

/** `/a%62c` and `/abc` are one file to an invalidation. */
function plain(address: string): string {
  try {
    return decodeURI(address);
  } catch {
    return address;
  }
}

const fits = (wanted: string, address: string): boolean =>
  wanted.endsWith("*") ? address.startsWith(wanted.slice(0, -1)) : address === wanted;

export function openCache(): Cache {
  const entries = new Map<string, Entry>();
  let bytes = 0;
  let turn = 0;
  /** Invalidations that a fetch still under way may have missed. */
  const recent: { readonly turn: number; readonly paths: readonly string[] }[] = [];

  const remove = (key: string): void => {
    const entry = entries.get(key);
    if (entry === undefined) return;
    bytes -= entry.body.length;
    entries.delete(key);
  };
  const isStale = (address: string, begunAt: number): boolean =>
    recent.some((one) => one.turn > begunAt && one.paths.some((path) => fits(path, plain(address))));

  return {
    get({ key }) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      // the order of the map is the order of use
      entries.delete(key);
      entries.set(key, entry);
      return entry;
    },
    put({ key }, entry, begunAt) {
      if (entry.body.length > OBJECT_BYTES_MAX || isStale(entry.address, begunAt)) return;
      remove(key);
      entries.set(key, entry);
      bytes += entry.body.length;
      for (const oldest of entries.keys()) {
        if (bytes <= CACHE_BYTES_MAX && entries.size <= ENTRIES_MAX) break;
        remove(oldest);
      }
    },
    drop: ({ key }) => remove(key),
    begin: () => turn,
    invalidate(paths) {
      const wanted = paths.map(plain);
      turn += 1;
      recent.push({ turn, paths: wanted });
      if (recent.length > RECENT_MAX) recent.shift();
      const gone = [...entries].filter(([, { address }]) => wanted.some((path) => fits(path, plain(address))));
      for (const [key] of gone) remove(key);
      return gone.length;
    },
  };
}

/** A fetch is bounded in time, so it cannot outlive this many invalidations of a farm. */
const RECENT_MAX = 1_000;
