import type { Chance } from "./chance.ts";
import type { Mishap, ModelMachine, Script } from "./machines.ts";
import type { VirtualClock } from "./virtual-clock.ts";
import type { Through } from "./ways.ts";

interface Lasting {
  /** Of those that it could befall; 1 unless given. */
  readonly rate?: number;
  /** From now on; without end unless given. */
  readonly forMs?: number;
  /** It befalls no more than so many. */
  readonly times?: number;
}

/** What goes wrong beside the cloud's own faults (local/cloud/faults): with what runs functions, and on machines. */
export type Disturbance =
  /** The function's environment ends in the middle: just before a call, or after its effect and before its answer. */
  | (Lasting & {
      readonly kind: "crash";
      readonly functionName?: string;
      readonly operation?: string;
      /** Absent: one or the other. */
      readonly when?: "before" | "after";
    })
  | (Lasting & {
      readonly kind: "script";
      readonly script: Script;
      readonly how: Mishap;
      readonly instanceId?: string;
      /** Machines of this type only, to tell those of one launch template version from those of another. */
      readonly instanceType?: string;
    });

interface Standing {
  readonly what: Disturbance;
  readonly until: number;
  left: number;
}

export interface Disturbances {
  add(what: Disturbance): void;
  heal(): void;
  readonly through: Through;
  mishap(machine: ModelMachine, script: Script): Mishap | undefined;
}

export function openDisturbances(clock: VirtualClock, chance: Chance): Disturbances {
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
    async through(environment, operation, perform) {
      const crash = struck(
        "crash",
        (what) =>
          (what.functionName ?? environment.functionName) === environment.functionName &&
          (what.operation ?? operation) === operation,
      );
      if (crash === undefined) return perform();
      if ((crash.when ?? (chance.happens(0.5) ? "before" : "after")) === "after") {
        const answer = await perform();
        environment.crash();
        return answer;
      }
      environment.crash();
      throw new Error("the environment ended before the call");
    },
    mishap: (machine, script) =>
      struck(
        "script",
        (what) =>
          what.script === script &&
          (what.instanceId ?? machine.id) === machine.id &&
          (what.instanceType ?? machine.spec.metadata.instanceType) === machine.spec.metadata.instanceType,
      )?.how,
  };
}

const isOf = <K extends Disturbance["kind"]>(what: Disturbance, kind: K): what is Extract<Disturbance, { kind: K }> =>
  what.kind === kind;
