/** At least `count` nodes on these days of the week between two minutes of the day, all in UTC. */
export interface ScheduledFloor {
  /** 0 is Sunday. */
  readonly days: readonly number[];
  /** Minutes since midnight; an end that is not after the start is one of the next day. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FLOOR = /^([a-z]{3})(?:-([a-z]{3}))? (\d{2}):(\d{2})-(\d{2}):(\d{2}) (\d{1,4})$/;
/** A week of floors that nobody could read any more. */
const FLOORS_MAX = 50;
const DAY_MINUTES = 1_440;
const MINUTE_MS = 60_000;
export const FLOORS_WORDS =
  "days, hours in UTC and a number of nodes such as mon-fri 08:00-19:00 4, with commas between";

/** Undefined: the text is not one of `FLOORS_WORDS`. An empty text is no floor. */
export function parseFloors(text: string): readonly ScheduledFloor[] | undefined {
  const parts = text.split(",").map((part) => part.trim().toLowerCase());
  if (parts.length === 1 && parts[0] === "") return [];
  const floors = parts.map(floorOf);
  const valid = floors.filter((floor) => floor !== undefined);
  return valid.length === floors.length && valid.length <= FLOORS_MAX ? valid : undefined;
}

function floorOf(text: string): ScheduledFloor | undefined {
  const [, first = "", last = first, ...numbers] = FLOOR.exec(text) ?? [];
  const [fromHour = 24, fromMinute = 60, toHour = 25, toMinute = 60, count = 0] = numbers.map(Number);
  const [start, end] = [DAYS.indexOf(first), DAYS.indexOf(last)];
  const isTime = fromHour < 24 && fromMinute < 60 && toMinute < 60 && toHour * 60 + toMinute <= DAY_MINUTES;
  if (start < 0 || end < 0 || !isTime) return undefined;
  const length = ((end - start + DAYS.length) % DAYS.length) + 1;
  const days = Array.from({ length }, (_, index) => (start + index) % DAYS.length);
  return { days, from: fromHour * 60 + fromMinute, to: toHour * 60 + toMinute, count };
}

/** The highest floor of any moment from `now` until `aheadMs` later, so that its nodes have booted when it begins. */
export function floorWithin(floors: readonly ScheduledFloor[], now: number, aheadMs: number): number {
  let count = 0;
  for (let at = now; ; at = Math.min(at + MINUTE_MS, now + aheadMs)) {
    for (const floor of floors) if (holdsAt(floor, at)) count = Math.max(count, floor.count);
    if (at >= now + aheadMs) return count;
  }
}

function holdsAt({ days, from, to }: ScheduledFloor, at: number): boolean {
  const minute = Math.floor(at / MINUTE_MS);
  const [day, ofDay] = [(Math.floor(minute / DAY_MINUTES) + 4) % DAYS.length, minute % DAY_MINUTES];
  if (from < to) return days.includes(day) && ofDay >= from && ofDay < to;
  const before = (day + DAYS.length - 1) % DAYS.length;
  return (days.includes(day) && ofDay >= from) || (days.includes(before) && ofDay < to);
}
