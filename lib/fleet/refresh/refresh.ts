import { assertNever } from "../../assert.ts";
import { factOf, groupsAws, type GroupClients } from "../../lifecycle/aws.ts";
import type { GroupInstance } from "../../lifecycle/observation.ts";
import { absent, isKnown, type Fact } from "../../reconcile/fact.ts";
import type { OperatorRequest } from "../../reconcile/requests.ts";
import { refreshAws } from "./aws.ts";
import { isRefreshWish, isUnderWay, type RefreshAction, type RefreshFacts } from "./plan.ts";

/** The roll-out of a launch template, as a part of what scope `web` looks after. */
export function webRefresh(clients: GroupClients) {
  const groups = groupsAws(clients);
  const aws = refreshAws(clients);
  return {
    /** Without an operator's wish nothing is read. */
    async observe(
      group: string,
      pool: Fact<readonly GroupInstance[]>,
      requests: readonly OperatorRequest[],
    ): Promise<Fact<RefreshFacts>> {
      if (!requests.some(isRefreshWish)) return absent;
      if ("unknown" in pool) return pool;
      return factOf(async () => ({ refreshes: await aws.refreshes(group), pool: isKnown(pool) ? pool.known : [] }));
    },
    async holds(action: RefreshAction): Promise<true | string> {
      const active = (await aws.refreshes(action.group)).find(isUnderWay);
      if ("refreshId" in action)
        return active?.id === action.refreshId || `refresh ${action.refreshId} is not under way any more`;
      if (active !== undefined) return `refresh ${active.id} is ${active.status} now`;
      const version = (await groups.group(action.group))?.template?.version;
      return version === action.from || `${action.group} launches version ${version ?? "none"} now`;
    },
    async apply(action: RefreshAction): Promise<string> {
      const { kind, group } = action;
      switch (kind) {
        case "pin-template":
          await aws.setTemplate(group, { id: action.templateId, version: action.to });
          return `${group} launches version ${action.to}`;
        case "start-refresh": {
          const id = await aws.start(action);
          return id === undefined
            ? "a refresh is in progress already"
            : `refresh ${id} to version ${action.to} has begun`;
        }
        case "cancel-refresh":
          return (await aws.cancel(group))
            ? `refresh ${action.refreshId} is being cancelled`
            : "no refresh is under way any more";
        case "roll-back-refresh":
          return (await aws.rollBack(group))
            ? `refresh ${action.refreshId} is being rolled back`
            : "no refresh is under way any more";
        default:
          return assertNever(kind);
      }
    },
  };
}
