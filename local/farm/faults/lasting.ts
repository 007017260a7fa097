import type { CloudClock, Timer } from "../../cloud/clock.ts";

/** A fault that lasts until it is ended. */
interface Lasting {
  readonly what: string;
  readonly timer: Timer | undefined;
  undo(): Promise<void> | void;
}

export interface Healed {
  readonly undone: readonly string[];
  readonly failed: readonly string[];
}

/** The faults that last, each under a key: the same fault again replaces the one before. */
export interface LastingFaults {
  /** `forSeconds` absent: until `heal`. */
  add(key: string, what: string, forSeconds: number | undefined, undo: () => Promise<void> | void): void;
  has(key: string): boolean;
  /** Ends one; nothing if it is not in force. */
  end(key: string): Promise<void>;
  /** Ends all, or those that `isMeant` by their words, the last one first. What could not be undone stays, to be tried again. */
  heal(isMeant?: (what: string) => boolean): Promise<Healed>;
  readonly closing: AbortSignal;
  close(): void;
}

export function openLasting(clock: CloudClock, note: (line: string) => void): LastingFaults {
  const faults = new Map<string, Lasting>();
  const end = async (key: string): Promise<void> => {
    const fault = faults.get(key);
    if (fault === undefined) return;
    fault.timer?.cancel();
    await fault.undo();
    if (faults.get(key) === fault) faults.delete(key);
  };
  const closed = new AbortController();
  return {
    closing: closed.signal,
    close() {
      for (const { timer } of faults.values()) timer?.cancel();
      closed.abort();
    },
    add(key, what, forSeconds, undo) {
      faults.get(key)?.timer?.cancel();
      const expire = (): void => {
        end(key).catch((error: unknown) => note(`fault: ${what} could not be ended: ${wordsOf(error)}`));
      };
      const timer = forSeconds === undefined ? undefined : clock.after(forSeconds * 1000, expire);
      faults.delete(key);
      faults.set(key, { what, timer, undo });
    },
    has: (key) => faults.has(key),
    end,
    async heal(isMeant = () => true) {
      const undone: string[] = [];
      const failed: string[] = [];
      for (const [key, { what }] of [...faults].toReversed()) {
        if (!isMeant(what)) continue;
        try {
          await end(key);
          undone.push(what);
        } catch (error) {
          failed.push(`${what}: ${wordsOf(error)}`);
        }
      }
      return { undone, failed };
    },
  };
}

/** `partition db-a db-b` means `partition db-a -> db-b`, `lag db-b` means `lag of 30 s db-b`, and `lag` every one. */
export const isFault =
  ([kind = "", ...targets]: readonly string[]) =>
  (what: string): boolean =>
    what.startsWith(`${kind} `) && (targets.length === 0 || what.endsWith(` ${targets.join(" -> ")}`));

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
