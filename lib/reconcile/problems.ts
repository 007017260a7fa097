import * as z from "zod/mini";
import type { Clock } from "../clock.ts";
import type { Scope } from "../scope.ts";
import type { Table } from "../aws/table.ts";
import { notFencedOff } from "./lease.ts";
import type { Problem } from "./plan.ts";

/** A problem and when it was first seen, in milliseconds since the epoch. */
export type OpenProblem = Problem & { readonly since: number };

export interface Problems {
  /** What was wrong at the last look at the scope. */
  of(scope: Scope): Promise<readonly OpenProblem[]>;
  /** Replaces the scope's list; a holder that was overtaken changes nothing. */
  set(scope: Scope, problems: readonly OpenProblem[], fence: number): Promise<void>;
}

const PARTITION = "problems";
/** A scope with more problems than this has one cause; the list is for people. */
const PROBLEMS_MAX = 50;

/** A node that is gone is never looked at again; its list is forgotten. Living scopes rewrite theirs on every change. */
const FORGOTTEN_AFTER_SECONDS = 30 * 86_400;

const stored = z.array(
  z.object({ code: z.string(), detail: z.string(), node: z.optional(z.string()), since: z.number() }),
);

export function openProblems(table: Table, clock: Clock): Problems {
  return {
    async of(scope) {
      const item = await table.get({ pk: PARTITION, sk: scope });
      const read = stored.safeParse(item?.["list"] ?? []);
      // An unreadable list only costs the `since` of its problems: they are detected anew and the list is rewritten.
      return read.success ? read.data.map(({ node, ...rest }) => (node === undefined ? rest : { ...rest, node })) : [];
    },
    async set(scope, problems, fence) {
      const list = problems.slice(0, PROBLEMS_MAX).map((problem) => ({ ...problem }));
      const expires = Math.ceil(clock.now() / 1000) + FORGOTTEN_AFTER_SECONDS;
      await table.update({ pk: PARTITION, sk: scope }, { set: { list, fence, expires } }, notFencedOff(fence));
    },
  };
}

const sameProblem = (a: Problem, b: Problem): boolean => a.code === b.code && a.node === b.node;

/** What is new, what is gone, and the list as it is from now on. Pure. */
export function compareProblems(before: readonly OpenProblem[], found: readonly Problem[], now: number) {
  const detected = found.filter((problem) => !before.some((old) => sameProblem(old, problem)));
  const gone = before.filter((old) => !found.some((problem) => sameProblem(old, problem)));
  const open = found.map((problem): OpenProblem => ({
    code: problem.code,
    detail: problem.detail,
    ...(problem.node === undefined ? {} : { node: problem.node }),
    since: before.find((old) => sameProblem(old, problem))?.since ?? now,
  }));
  return { detected, gone, open };
}
