import { isoTime } from "../clock.ts";
import { TandemError } from "../errors.ts";
import type { LoopDeps } from "./deps.ts";
import type { JournalLine } from "./journal.ts";
import type { Lease } from "./lease.ts";
import type { Action, Problem, Proposal } from "./plan.ts";
import { compareProblems, type OpenProblem } from "./problems.ts";

/** What one look at a scope leaves behind: journal, structured log, events on the bus. */
export interface LookRecord {
  readonly lines: readonly JournalLine[];
  /** Notes what is newly wrong (`detected`) and what is wrong no longer (`verified`); no change, no line. */
  problems(found: readonly Problem[]): Promise<void>;
  /** Stores what waits for a human's word, if it has changed. */
  proposals(found: readonly Proposal[]): Promise<void>;
  /** Notes an action that is planned and not begun; the same again only after a minute, for a watch plans every second. */
  withheld(action: Action, why: string): Promise<void>;
  /** `planned` with `begun` is written before an act, `applied` after it. */
  action(action: Action, phase: "planned" | "applied", result: string): Promise<void>;
  /** Notes a failure once, however often it is handed up. */
  failed(error: unknown, action?: Action): Promise<void>;
  /** Waits for what is still on its way to the bus. Never throws. */
  close(): Promise<void>;
}

const REPEATED_AFTER_MS = 60_000;

type Words = Pick<JournalLine, "phase" | "reason" | "result" | "problem" | "action">;

/** @param isWatch its looks fail again every second while something is wrong: the same failure is noted once a minute */
export function openRecord(deps: LoopDeps, lease: Lease, cause: string, isWatch = false): LookRecord {
  const { scope, fence } = lease;
  const lines: JournalLine[] = [];
  const publishing: Promise<void>[] = [];
  const noted = new Set<unknown>();
  let before: readonly OpenProblem[] | undefined;
  let proposed: string | undefined;
  let lastAt = 0;
  const saidAt = new Map<string, number>();

  const write = async (words: Words): Promise<void> => {
    // The journal is sorted by time: two lines of one look in the same millisecond would change places.
    lastAt = Math.max(deps.clock.now(), lastAt + 1);
    const line: JournalLine = { id: deps.ids.uuid(), at: isoTime(lastAt), scope, cause, fence, ...words };
    lines.push(line);
    deps.log(line);
    publishing.push(deps.publish(line).catch(() => deps.count("UnpublishedLines")));
    await deps.journal.append(line);
  };

  const writeOnce = async (words: Words): Promise<void> => {
    const text = JSON.stringify(words);
    if (deps.clock.now() - (saidAt.get(text) ?? -Infinity) < REPEATED_AFTER_MS) return;
    saidAt.set(text, deps.clock.now());
    await write(words);
  };

  return {
    lines,
    async proposals(found) {
      const text = JSON.stringify(found);
      proposed ??= JSON.stringify(await deps.proposals.of(scope));
      if (text === proposed) return;
      await deps.proposals.set(scope, found, fence);
      proposed = text;
    },
    async withheld(action, why) {
      if (action.routine !== true) await writeOnce({ phase: "planned", ...wordsOf(action), result: why });
    },
    async problems(found) {
      before ??= await deps.problems.of(scope);
      const { detected, gone, open } = compareProblems(before, found, deps.clock.now());
      if (detected.length === 0 && gone.length === 0) return;
      for (const problem of detected) {
        if (problem.page === true) deps.count("Pages");
        await write({ phase: "detected", problem: problem.code, reason: sentence(problem), result: "found" });
      }
      for (const problem of gone)
        await write({ phase: "verified", problem: problem.code, reason: sentence(problem), result: "no longer so" });
      await deps.problems.set(scope, open, fence);
      before = open;
    },
    async action(action, phase, result) {
      if (action.routine !== true) await write({ phase, ...wordsOf(action), result });
    },
    async failed(error, action) {
      if (noted.has(error)) return;
      noted.add(error);
      const words = action === undefined ? { reason: "the look failed" } : wordsOf(action);
      await (isWatch ? writeOnce : write)({
        phase: action === undefined ? "planned" : "applied",
        ...words,
        result: failure(error),
      });
    },
    async close() {
      await Promise.all(publishing);
    },
  };
}

const sentence = ({ node, detail }: Problem): string => (node === undefined ? detail : `${node}: ${detail}`);

const wordsOf = ({ kind, reason, problem }: Action): Pick<Words, "action" | "reason" | "problem"> => ({
  action: kind,
  reason,
  ...(problem === undefined ? {} : { problem }),
});

function failure(error: unknown): string {
  if (!(error instanceof TandemError)) return `failed: ${error instanceof Error ? error.message : String(error)}`;
  const again = error.retriable ? "it is tried again" : `next: ${error.next}`;
  return `failed: ${error.code}: ${error.message}; ${again}`;
}
