import { readFileSync } from "node:fs";
import * as z from "zod";
import { actionOf } from "../../local/cloud/iam/authorize/actions.ts";
import { farmPaths, projectRoot } from "../../local/farm/paths.ts";
import { unusedOfFarm, unusedWords } from "../../local/farm/rights.ts";
import { NEEDS, ROLE_NAMES, SELDOM, type Need, type RoleKey } from "../rights.ts";
import { clientOptions, type calls } from "./farm.ts";

const ROLES = new Map(Object.keys(ROLE_NAMES).flatMap((key) => (isRole(key) ? [[ROLE_NAMES[key], key] as const] : [])));

function isRole(key: string): key is RoleKey {
  return key in NEEDS;
}

/** What Lambda and the agents do with a role: the framework's plugin and AWS's own policies allow it. */
const ON_BEHALF = new Set([
  "logs:CreateLogStream",
  "logs:PutLogEvents",
  "ssm:UpdateInstanceInformation",
  "ssmmessages:CreateControlChannel",
  "ssmmessages:OpenControlChannel",
]);

/** What the roles of the running farm have not done since its start, in words, and which of it has no written reason. */
export async function unusedInFarm(): Promise<{ readonly unused: string; readonly without: readonly string[] }> {
  const { callsLog, farmJson } = farmPaths(projectRoot);
  const { startedAt } = z.object({ startedAt: z.string() }).parse(JSON.parse(readFileSync(farmJson, "utf8")));
  const unused = await unusedOfFarm(clientOptions(), callsLog, startedAt);
  const hasReason = (role: string, action: string): boolean => {
    const key = ROLES.get(role);
    return key !== undefined && SELDOM[key]?.[action] !== undefined;
  };
  const without = unused.filter(({ role, action }) => !hasReason(role, action));
  return { unused: unusedWords(unused), without: without.map(({ role, action }) => `${role}: ${action}`) };
}

/** Actions of roles that test/unit/cloud/iam/rights.test.ts does not ask for: its list is then not whole. */
export function callsWithoutNeed(made: ReturnType<typeof calls>): readonly string[] {
  const done = made.flatMap(({ principal, service, operation }) => {
    const name = /:assumed-role\/([^/]+)\//.exec(principal)?.[1];
    return name === undefined ? [] : [`${name}: ${actionOf(service, operation)}`];
  });
  return [...new Set(done)].filter((each) => {
    const [name = "", action = ""] = each.split(": ");
    const key = ROLES.get(name);
    const needs: readonly Need[] = key === undefined ? [] : NEEDS[key];
    return !ON_BEHALF.has(action) && !needs.some((need) => actionOf(need.service, need.operation) === action);
  });
}
