import { assert } from "../assert.ts";
import type { Clock } from "../clock.ts";
import type { Table } from "../aws/table.ts";
import { factOf, type groupsAws } from "../lifecycle/aws.ts";
import type { Group } from "../lifecycle/observation.ts";
import { absent, isKnown, type Fact } from "../reconcile/fact.ts";
import type { NodesAws } from "./aws.ts";
import { noteChange } from "./change.ts";
import type { ReplaceNode } from "./node/plan.ts";
import type { RetireNode } from "./plan.ts";

interface LetGoDeps {
  readonly table: Table;
  readonly clock: Clock;
  readonly groups: ReturnType<typeof groupsAws>;
  /** Absent: this function lets no node go. */
  readonly nodes: NodesAws | undefined;
}

/** The tier's part in a node that leaves because AWS will take it: who answers in its place, and its end. */
export const letGoOf = ({ table, clock, groups, nodes }: LetGoDeps) => ({
  /** A node must answer in every target group. Absent: it is not asked for here, and then nobody is let go. */
  async answering(group: Fact<Group>): Promise<Fact<ReadonlySet<string>>> {
    if (!isKnown(group) || nodes === undefined) return absent;
    const { targetGroups, instances } = group.known;
    return factOf(async () => {
      const targets = await Promise.all(targetGroups.map((targetGroup) => nodes.targets(targetGroup)));
      return new Set(
        instances.map(({ id }) => id).filter((id) => targets.every((states) => states.get(id) === "healthy")),
      );
    });
  },
  async holds(action: RetireNode | ReplaceNode): Promise<true | string> {
    const group = await groups.group(action.group);
    const found = group?.instances.find(({ id }) => id === action.instanceId);
    if (found?.lifecycleState !== "InService")
      return `${action.instanceId} is ${found?.lifecycleState ?? "gone"} in ${action.group} now`;
    if (action.kind === "retire-node" && group?.desired !== action.from)
      return `${action.group} wants ${group?.desired} nodes now`;
    return true;
  },
  async apply(action: RetireNode | ReplaceNode, fence: number): Promise<string> {
    assert(nodes !== undefined, "a function that lets no node go does not see who answers");
    const { instanceId, group } = action;
    if (action.kind === "replace-node") {
      await nodes.terminate(instanceId, "keep the size");
      return `${instanceId} leaves and ${group} keeps its size`;
    }
    await noteChange(table, action, clock.now(), fence);
    await nodes.terminate(instanceId, "want one less");
    return `${instanceId} leaves and ${group} wants ${action.to} nodes, it wanted ${action.from}`;
  },
});
