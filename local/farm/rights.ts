import {
  GetRolePolicyCommand,
  IAMClient,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
  paginateListRoles,
  type IAMClientConfig,
} from "@aws-sdk/client-iam";
import { createReadStream, existsSync } from "node:fs";
import { createInterface } from "node:readline";
import * as z from "zod";
import { unusedRights, type RoleRights, type UnusedRight, type UsedCall } from "../cloud/iam/authorize/unused.ts";

const usedCallSchema = z.object({
  at: z.string(),
  principal: z.string(),
  service: z.string(),
  operation: z.string(),
  decision: z.enum(["allowed", "denied", "unenforced"]),
});

/** What the roles of an account may do, as IAM itself tells. */
async function roleRights(configuration: IAMClientConfig): Promise<readonly RoleRights[]> {
  const client = new IAMClient(configuration);
  const rights: RoleRights[] = [];
  for await (const { Roles = [] } of paginateListRoles({ client }, {})) {
    for (const { RoleName } of Roles) {
      if (RoleName === undefined) continue;
      const { PolicyNames = [] } = await client.send(new ListRolePoliciesCommand({ RoleName }));
      const policies = PolicyNames.map((PolicyName) => client.send(new GetRolePolicyCommand({ RoleName, PolicyName })));
      const documents = (await Promise.all(policies)).map((policy) => decodeURIComponent(policy.PolicyDocument ?? ""));
      const { AttachedPolicies = [] } = await client.send(new ListAttachedRolePoliciesCommand({ RoleName }));
      rights.push({
        role: RoleName,
        documents,
        attached: AttachedPolicies.flatMap(({ PolicyArn }) => PolicyArn ?? []),
      });
    }
  }
  return rights;
}

/** Calls of a log since `since` (ISO-8601), the part of it that was moved away included. */
async function callsSince(file: string, since: string): Promise<readonly UsedCall[]> {
  const calls: UsedCall[] = [];
  for (const part of [`${file}.1`, file].filter((each) => existsSync(each)))
    for await (const line of createInterface({ input: createReadStream(part) })) {
      const call = usedCallSchema.parse(JSON.parse(line));
      if (call.at >= since) calls.push(call);
    }
  return calls;
}

/** Everything that a role of the running farm may do and has not done since `since`. */
export async function unusedOfFarm(
  configuration: IAMClientConfig,
  callsLog: string,
  since: string,
): Promise<readonly UnusedRight[]> {
  return unusedRights(await callsSince(callsLog, since), await roleRights(configuration));
}

/** A line a role, for people. */
export function unusedWords(unused: readonly UnusedRight[]): string {
  const byRole = Map.groupBy(unused, ({ role }) => role);
  return [...byRole].map(([role, rights]) => `${role}: ${rights.map(({ action }) => action).join(", ")}`).join("\n");
}
