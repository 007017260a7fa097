import type { Flavour } from "../../../lib/database/server.ts";
import { DATABASE_NODES, type DatabaseNode } from "../../../lib/spec.ts";
import type { CloudClock, Timer } from "../../../local/cloud/clock.ts";
import type { Deed, Output } from "./event.ts";
import { emptyPair, type PairState } from "./state.ts";
import { dueAt, step } from "./step.ts";
import { openPairWitness, type PairWitness } from "./witness.ts";

/** The two servers in a world: the reducer on its clock. */
export interface Pair {
  /** As it is at this instant. */
  state(): PairState;
  act(deed: Deed): PairState;
  /** Waits until the pair is so, or for so long; resolves to whether it is. */
  until(what: (state: PairState) => boolean, ms: number): Promise<boolean>;
  /** Hears what clients hear. Returns what ends it. */
  listen(listener: (output: Output) => void): () => void;
  readonly witness: PairWitness;
  /** No timer is left behind. */
  close(): void;
}

interface Wait {
  readonly what: (state: PairState) => boolean;
  end(is: boolean): void;
}

export function openPair(clock: CloudClock, flavour: Flavour = "mysql"): Pair {
  const witness = openPairWitness();
  const listeners = new Set<(output: Output) => void>();
  const waits = new Set<Wait>();
  let state = emptyPair(clock.now(), flavour);
  let timer: Timer | undefined;
  let isClosed = false;

  const act = (deed: Deed): PairState => {
    const [before, event] = [state, { ...deed, at: clock.now() }];
    const done = step(before, event);
    state = done.state;
    witness.saw(before, event, done);
    for (const output of done.out) for (const listener of listeners) listener(output);
    for (const wait of waits) if (wait.what(state)) wait.end(true);
    arm();
    return state;
  };
  const arm = (): void => {
    timer?.cancel();
    const due = isClosed ? undefined : dueAt(state);
    timer = due === undefined ? undefined : clock.after(due - clock.now(), () => void act({ kind: "time" }));
  };

  return {
    witness,
    act,
    state: () => (state.at === clock.now() ? state : act({ kind: "time" })),
    until(what, ms) {
      if (what(state.at === clock.now() ? state : act({ kind: "time" }))) return Promise.resolve(true);
      return new Promise((resolve) => {
        const limit = clock.after(ms, () => wait.end(false));
        const wait: Wait = {
          what,
          end(is) {
            limit.cancel();
            waits.delete(wait);
            resolve(is);
          },
        };
        waits.add(wait);
      });
    },
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      isClosed = true;
      arm();
      for (const wait of waits) wait.end(false);
    },
  };
}

export const isDatabaseNode = (node: string): node is DatabaseNode => DATABASE_NODES.some((each) => each === node);
