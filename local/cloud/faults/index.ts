import type { ServiceId, World } from "../service.ts";
import type { Members } from "../wire/index.ts";
import { faultyCall, type FaultyCall } from "./api.ts";
import { openFaultyEvents } from "./events.ts";
import { chanceOf, isSpent, type Active, type ApiFault, type EventFault, type Fault } from "./fault.ts";
import { openReplica } from "./stale.ts";
import { openWaits } from "./waits.ts";

export type { Active, ApiFault, EventFault, Fault } from "./fault.ts";

/** More than this are a mistake of whoever injects them. */
const ACTIVE_MAX = 100;
const SEED_DIGITS = 8;

/** What the endpoint asks about every call over the wire; services of the cloud call each other where no fault reaches. */
export interface CallFaults {
  /** `perform` as it is, late, not at all, or with another answer. Rejects with CloudError. */
  call(call: FaultyCall, perform: () => Promise<Members>): Promise<Members>;
}

/** What the bus asks about every event. */
export interface BusFaults {
  /** Calls `deliver` once, twice, later or never. */
  event(source: string, deliver: () => void): void;
}

/** What goes wrong in one embedded cloud on purpose. */
export interface Faults extends CallFaults, BusFaults {
  /** Throws RangeError for what no fault can be. */
  inject(fault: Fault): Active;
  /** Those in force, oldest first. */
  active(): readonly Active[];
  /** Ends all of them and lets go what they hold back; how many there were. */
  heal(): number;
  close(): void;
}

export const noCallFaults: CallFaults = { call: (_call, perform) => perform() };
export const noBusFaults: BusFaults = { event: (_source, deliver) => deliver() };

export function openFaults({ clock, ids }: Pick<World, "clock" | "ids">): Faults {
  const waits = openWaits(clock);
  const replica = openReplica(clock);
  const bring = openFaultyEvents(waits);
  let all: readonly Active[] = [];

  const active = (): readonly Active[] => {
    const now = clock.now();
    const isOver = (each: Active): boolean => each.until <= now || isSpent(each);
    if (all.some(isOver)) all = all.filter((each) => !isOver(each));
    if (!all.some(({ fault }) => fault.kind === "stale")) replica.forget();
    return all;
  };

  return {
    call(call, perform) {
      const actives = active().filter((each): each is Active<ApiFault> => each.fault.on === "api");
      return actives.length === 0 ? perform() : faultyCall({ clock, waits, replica }, actives, call, perform);
    },
    event(source, deliver) {
      const actives = active().filter((each): each is Active<EventFault> => each.fault.on === "events");
      if (all.length > 0) replica.changed(serviceOf(source));
      bring(actives, deliver);
    },
    inject(fault) {
      check(fault);
      if (active().length >= ACTIVE_MAX) throw new RangeError(`${ACTIVE_MAX} faults are in force already`);
      const seed = fault.seed ?? Number.parseInt(ids.hex(SEED_DIGITS), 16);
      const until = clock.now() + fault.forMs;
      const injected = { id: ids.hex(SEED_DIGITS), fault, seed, until, struck: 0, chance: chanceOf(seed) };
      all = [...all, injected];
      return injected;
    },
    active,
    heal() {
      const count = active().length;
      all = [];
      replica.forget();
      waits.releaseAll();
      return count;
    },
    close() {
      all = [];
      waits.close();
    },
  };
}

/** An event tells of a change that no call made, e.g. of a machine that came up: what was read before is out of date. */
const serviceOf = (source: string): ServiceId => SOURCES[source] ?? "events";

const SOURCES: Readonly<Record<string, ServiceId>> = {
  "aws.autoscaling": "autoscaling",
  "aws.ec2": "ec2",
  "aws.ssm": "ssm",
  "aws.cloudwatch": "monitoring",
};

function check({ rate, forMs, times = 1, ...fault }: Fault): void {
  if (!(rate > 0 && rate <= 1)) throw new RangeError(`rate is ${rate}, allowed is a number above 0 up to 1`);
  if (!(forMs > 0)) throw new RangeError(`a fault lasts for some time, not for ${forMs} ms`);
  if (!(times > 0)) throw new RangeError(`a fault strikes some times, not ${times}`);
  if (fault.on === "api" && fault.operation !== undefined && fault.service === undefined)
    throw new RangeError(`operation ${fault.operation} needs the service that it belongs to`);
}
