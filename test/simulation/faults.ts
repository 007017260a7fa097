import { CloudError } from "../../local/cloud/errors.ts";
import type { Chance } from "./chance.ts";
import type { Mishap, ModelMachine, Script } from "./machines.ts";
import type { VirtualClock } from "./virtual-clock.ts";
import type { Through } from "./ways.ts";

/** What becomes of a function's call: refused, not performed, performed without an answer, late, or answered with this error. */
export type CallMishap =
  | "throttle"
  | "unavailable"
  | "lost"
  | "slow"
  | { readonly code: string; readonly message: string; readonly status: number };
/** What becomes of an event on its way to a function. Events that are late by different times arrive out of order. */
export type EventMishap = "drop" | "duplicate" | "delay";

interface Lasting {
  /** Of those that it could befall; 1 unless given. */
  readonly rate?: number;
  /** From now on; without end unless given. */
  readonly forMs?: number;
  /** It befalls no more than so many. */
  readonly times?: number;
}

/** A fault that lasts. `heal` of the world ends all of them. */
export type Disturbance =
  | (Lasting & { readonly kind: "calls"; readonly how: CallMishap; readonly operation?: string })
  | (Lasting & { readonly kind: "events"; readonly how: EventMishap })
  /** The function's environment ends in the middle: just before a call, or after its effect and before its answer. */
  | (Lasting & { readonly kind: "crash"; readonly functionName?: string; readonly operation?: string })
  | (Lasting & {
      readonly kind: "script";
      readonly script: Script;
      readonly how: Mishap;
      readonly instanceId?: string;
    });

interface Standing {
  readonly what: Disturbance;
  readonly until: number;
  left: number;
}

export interface Faults {
  add(what: Disturbance): void;
  heal(): void;
  /** A function's call, through whatever befalls it. */
  readonly through: Through;
  deliver(deliver: () => Promise<void>): Promise<void>;
  mishap(machine: ModelMachine, script: Script): Mishap | undefined;
}

const SLOW_MS = [50, 4_000] as const;
const LATE_MS = [100, 90_000] as const;

export function openFaults(clock: VirtualClock, chance: Chance): Faults {
  let standing: Standing[] = [];

  /** The first of the disturbances of this kind that strikes now. */
  function struck<K extends Disturbance["kind"]>(
    kind: K,
    fits: (what: Extract<Disturbance, { kind: K }>) => boolean,
  ): Extract<Disturbance, { kind: K }> | undefined {
    if (standing.length === 0) return undefined;
    standing = standing.filter(({ until, left }) => until > clock.now() && left > 0);
    for (const each of standing) {
      if (!isOf(each.what, kind) || !fits(each.what) || !chance.happens(each.what.rate ?? 1)) continue;
      each.left -= 1;
      return each.what;
    }
    return undefined;
  }

  return {
    add(what) {
      standing.push({ what, until: clock.now() + (what.forMs ?? Infinity), left: what.times ?? Infinity });
    },
    heal() {
      standing = [];
    },
    async through({ environment, operation }, perform, refuse) {
      if (standing.length === 0) return perform();
      const crash = struck(
        "crash",
        (what) =>
          (what.functionName ?? environment.functionName) === environment.functionName &&
          (what.operation ?? operation) === operation,
      );
      if (crash !== undefined && chance.happens(0.5)) {
        environment.crash();
        throw new Error("the environment ended before the call");
      }
      const call = struck("calls", (what) => (what.operation ?? operation) === operation);
      const answer = await (call === undefined ? perform() : disturbed(call.how, perform, refuse));
      if (crash !== undefined) environment.crash();
      return answer;
    },
    async deliver(deliver) {
      const event = struck("events", () => true);
      if (event === undefined) return deliver();
      if (event.how === "drop") return undefined;
      if (event.how === "duplicate") await deliver();
      await clock.sleep(chance.whole(...LATE_MS));
      return deliver();
    },
    mishap: (machine, script) =>
      struck("script", (what) => what.script === script && (what.instanceId ?? machine.id) === machine.id)?.how,
  };

  async function disturbed<T>(
    how: CallMishap,
    perform: () => Promise<T>,
    refuse: (error: CloudError) => Promise<T>,
  ): Promise<T> {
    if (typeof how === "object") return refuse(new CloudError(how.code, how.message, how.status));
    switch (how) {
      case "throttle":
        return refuse(new CloudError("ThrottlingException", "Rate exceeded", 400));
      case "unavailable":
        return refuse(new CloudError("ServiceUnavailable", "Service is unable to handle request.", 503));
      case "lost":
        await perform();
        throw Object.assign(new Error("socket hang up"), { name: "TimeoutError", code: "ECONNRESET" });
      case "slow":
        await clock.sleep(chance.whole(...SLOW_MS));
        return perform();
    }
  }
}

const isOf = <K extends Disturbance["kind"]>(what: Disturbance, kind: K): what is Extract<Disturbance, { kind: K }> =>
  what.kind === kind;
