import type { World } from "../../service.ts";

/** Kept per group; the oldest lines go first. Some days of a farm's functions fit. */
export const GROUP_BYTES_MAX = 16 * 1024 * 1024;
/** A full group is cut down to this, so that not every line moves all others. */
const GROUP_BYTES_KEPT = 0.9 * GROUP_BYTES_MAX;
export const GROUPS_MAX = 200;
/** Streams without a line left are forgotten beyond this many: Lambda opens one per environment. */
export const STREAMS_MAX = 500;
/** AWS counts this for every event besides its text. */
const EVENT_OVERHEAD_BYTES = 26;

const DAY_MS = 86_400_000;

export interface LogEvent {
  /** Grows with every event of the group: pages are marked by it. */
  readonly sequence: number;
  readonly stream: string;
  readonly at: number;
  readonly ingestedAt: number;
  readonly message: string;
}

export interface LogStream {
  readonly name: string;
  readonly createdAt: number;
  events: number;
  firstEventAt: number | undefined;
  lastEventAt: number | undefined;
  lastIngestedAt: number | undefined;
}

export interface LogGroup {
  readonly name: string;
  readonly createdAt: number;
  retentionDays: number | undefined;
  /** Shown again; nothing is encrypted here. */
  kmsKeyId: string | undefined;
  tags: Record<string, string>;
  readonly streams: Map<string, LogStream>;
  events: LogEvent[];
  bytes: number;
  nextSequence: number;
}

export function newGroup(world: World, name: string): LogGroup {
  return {
    name,
    createdAt: world.clock.now(),
    retentionDays: undefined,
    kmsKeyId: undefined,
    tags: {},
    streams: new Map(),
    events: [],
    bytes: 0,
    nextSequence: 0,
  };
}

export function newStream(world: World, group: LogGroup, name: string): LogStream {
  const stream: LogStream = {
    name,
    createdAt: world.clock.now(),
    events: 0,
    firstEventAt: undefined,
    lastEventAt: undefined,
    lastIngestedAt: undefined,
  };
  const empty = [...group.streams.values()].find((one) => one.events === 0);
  if (group.streams.size >= STREAMS_MAX && empty !== undefined) group.streams.delete(empty.name);
  group.streams.set(name, stream);
  return stream;
}

const sizeOf = (event: LogEvent): number => Buffer.byteLength(event.message) + EVENT_OVERHEAD_BYTES;

/** Adds lines to a stream and drops the oldest of the group beyond its bounds of bytes and age. */
export function append(
  world: World,
  group: LogGroup,
  stream: LogStream,
  lines: readonly { readonly at: number; readonly message: string }[],
): void {
  const ingestedAt = world.clock.now();
  for (const { at, message } of lines) {
    const event = { sequence: group.nextSequence++, stream: stream.name, at, ingestedAt, message };
    group.events.push(event);
    group.bytes += sizeOf(event);
    stream.events += 1;
    stream.firstEventAt = Math.min(stream.firstEventAt ?? at, at);
    stream.lastEventAt = Math.max(stream.lastEventAt ?? at, at);
    stream.lastIngestedAt = ingestedAt;
  }
  prune(world, group);
}

export function prune(world: World, group: LogGroup): void {
  const oldest = group.retentionDays === undefined ? 0 : world.clock.now() - group.retentionDays * DAY_MS;
  const bytesKept = group.bytes > GROUP_BYTES_MAX ? GROUP_BYTES_KEPT : GROUP_BYTES_MAX;
  let gone = 0;
  for (const event of group.events) {
    if (group.bytes <= bytesKept && event.at >= oldest) break;
    group.bytes -= sizeOf(event);
    const stream = group.streams.get(event.stream);
    if (stream !== undefined) stream.events -= 1;
    gone += 1;
  }
  if (gone > 0) group.events = group.events.slice(gone);
}
