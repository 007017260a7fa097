import * as z from "zod/mini";
import type { Scope } from "../scope.ts";

/** EC2 instance ids are `i-` and 8 or 17 hexadecimal digits. */
const INSTANCE_ID = "an instance id such as i-0123456789abcdef0";
export const instanceIdSchema = z.string(INSTANCE_ID).check(z.regex(/^i-[0-9a-f]{8,17}$/, INSTANCE_ID));

const FARM_SCOPES: ReadonlySet<string> = new Set(["web", "special", "database", "cron", "cache", "files", "edge"]);

const isScope = (text: string): text is Scope =>
  FARM_SCOPES.has(text) || (text.startsWith("web/") && instanceIdSchema.safeParse(text.slice("web/".length)).success);

/** A scope as text from outside: an operator's parameter or a stored item. */
export const scopeSchema = z.custom<Scope>(
  (given) => typeof given === "string" && isScope(given),
  "a scope: web, web/<instance-id>, special, database, cron, cache, files or edge",
);

/** What a freeze can be set on. */
export const frozenScopeSchema = z.custom<Scope | "farm">(
  (given) => given === "farm" || (typeof given === "string" && isScope(given)),
  "farm, or a scope: web, web/<instance-id>, special, database, cron, cache, files or edge",
);
