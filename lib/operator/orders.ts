import * as z from "zod/mini";
import { allowed } from "../allowed.ts";
import { TandemError } from "../errors.ts";
import { DATABASE_NODES } from "../spec.ts";
import { frozenScopeSchema, instanceIdSchema, scopeSchema } from "../reconcile/scope-schema.ts";

/** More web nodes than one Auto Scaling group is meant for. */
const COUNT_MAX = 1_000;
/** What an operator asked for a week ago is no wish any more. */
const FOR_SECONDS_MAX = 7 * 86_400;
const HOUR_SECONDS = 3_600;
const LINES_DEFAULT = 100;
/** A thousand lines are half a megabyte; an answer of Lambda ends at six. */
const LINES_MAX = 1_000;

const whole = (min: number, max: number) => {
  const words = `a whole number from ${min} to ${max}`;
  return z.int(words).check(z.gte(min, words), z.lte(max, words));
};
const forSeconds = z._default(whole(1, FOR_SECONDS_MAX), HOUR_SECONDS);
const time = z.iso.datetime({ offset: true, error: "an ISO-8601 time such as 2026-11-20T09:00:00Z" });

/** Auto Scaling's own default; a tenth of a large tier at a time. */
const MIN_HEALTHY_PERCENT = 90;
/** Time to look at the new nodes, and to end it. */
const CHECKPOINT_DELAY_SECONDS = 600;
/** Auto Scaling's bound. */
const CHECKPOINT_DELAY_SECONDS_MAX = 172_800;
const CHECKPOINTS_MAX = 10;
const CHECKPOINTS = `at most ${CHECKPOINTS_MAX} whole numbers from 1 to 100, each more than the one before, the last 100`;
const checkpoints = z
  .array(z.int(CHECKPOINTS), CHECKPOINTS)
  .check(
    z.refine(
      (percents) =>
        percents.length <= CHECKPOINTS_MAX &&
        (percents.length === 0 || percents.at(-1) === 100) &&
        percents.every((percent, index) => percent > (percents[index - 1] ?? 0)),
      CHECKPOINTS,
    ),
  );

const KEEP = "true or false";
const PROPOSAL = "the id of a proposal, as tandem proposals shows it";

const orders = [
  z.strictObject({ action: z.literal("status") }),
  z.strictObject({ action: z.literal("plan"), scope: z.optional(scopeSchema) }),
  z.strictObject({
    action: z.literal("journal"),
    since: z.optional(time),
    limit: z._default(whole(1, LINES_MAX), LINES_DEFAULT),
  }),
  z.strictObject({ action: z.literal("scale"), count: whole(0, COUNT_MAX), forSeconds }),
  z.strictObject({
    action: z.literal("drain"),
    instanceId: instanceIdSchema,
    keep: z._default(z.boolean(KEEP), false),
  }),
  z.strictObject({ action: z.literal("restore"), instanceId: instanceIdSchema }),
  z.strictObject({ action: z.literal("switchover"), to: z.optional(z.enum(DATABASE_NODES, "db-a or db-b")) }),
  z.strictObject({
    action: z.literal("refresh"),
    minHealthyPercent: z._default(whole(0, 100), MIN_HEALTHY_PERCENT),
    checkpoints: z._default(checkpoints, []),
    checkpointDelaySeconds: z._default(whole(0, CHECKPOINT_DELAY_SECONDS_MAX), CHECKPOINT_DELAY_SECONDS),
  }),
  z.strictObject({ action: z.literal("cancel-refresh") }),
  z.strictObject({ action: z.literal("roll-back-refresh") }),
  z.strictObject({ action: z.literal("proposals") }),
  z.strictObject({
    action: z.literal("approve"),
    proposal: z.string(PROPOSAL).check(z.regex(/^[a-z0-9-]{1,80}$/, PROPOSAL)),
  }),
  z.strictObject({ action: z.literal("freeze"), scope: z._default(frozenScopeSchema, "farm"), forSeconds }),
  z.strictObject({ action: z.literal("thaw"), scope: z._default(frozenScopeSchema, "farm") }),
] as const;

const orderSchema = z.discriminatedUnion("action", orders);

/** What an operator can ask of `maintain`. */
export type Order = z.output<typeof orderSchema>;

const ACTIONS =
  "status, plan, journal, scale, drain, restore, switchover, refresh, cancel-refresh, roll-back-refresh, proposals, approve, freeze, thaw";

/**
 * @param given as it was sent: `{"action": "...", ...parameters}`
 * @throws TandemError `bad-parameter` that names each wrong parameter, what was given and what is allowed
 */
export function readOrder(given: unknown): Order {
  const read = orderSchema.safeParse(given);
  if (read.success) return read.data;
  const wrong = read.error.issues.map((issue) => {
    if (issue.code === "unrecognized_keys") return `${issue.keys.join(", ")} is not a parameter of this action`;
    const [name] = issue.path;
    if (name === undefined)
      return `the order is ${shown(given)}, allowed is an object with an action, one of ${ACTIONS}`;
    const value = shown(valueOf(given, String(name)));
    return `${String(name)} is ${value}, allowed is ${name === "action" ? `one of ${ACTIONS}` : allowed(issue)}`;
  });
  throw new TandemError("bad-parameter", wrong.join("; "), { next: "correct the parameter and try again" });
}

const valueOf = (given: unknown, name: string): unknown =>
  typeof given === "object" && given !== null ? Object.entries(given).find(([key]) => key === name)?.[1] : undefined;

/** Enough of a wrong value to recognise it. */
const SHOWN_MAX = 80;
const shown = (value: unknown): string => (value === undefined ? "missing" : JSON.stringify(value).slice(0, SHOWN_MAX));
