import type { Clock } from "../clock.ts";
import { absent, isKnown, known, type Fact } from "../reconcile/fact.ts";
import type { Table } from "../aws/table.ts";
import { factOf, type LifecycleAws } from "./aws.ts";
import {
  waitingTransition,
  type CommandRun,
  type HookObservation,
  type Membership,
  type Transition,
} from "./observation.ts";
import { commandKey } from "./plan.ts";
import { readRecord, type StoredRecord } from "./record.ts";

export interface HookDeps {
  readonly clock: Clock;
  readonly table: Table;
  readonly aws: LifecycleAws;
}

/** What decides an instance's next step in a hook. Whatever cannot be read is unknown; the agent, record and command are read only in a wait. */
export async function observeHook(
  deps: HookDeps,
  instanceId: string,
  groups: readonly string[],
): Promise<HookObservation> {
  const [membership, machine] = await Promise.all([
    factOf(() => deps.aws.membership(instanceId)),
    factOf(async () => (await deps.aws.machines([instanceId])).get(instanceId)),
  ]);
  const found = { instanceId, now: deps.clock.now(), groups, membership, machine };
  const transition = transitionOf(membership, groups);
  if (transition === undefined) return { ...found, agent: absent, record: absent, command: absent };
  const [agent, stored] = await Promise.all([
    factOf(async () => (await deps.aws.agents([instanceId])).get(instanceId)),
    factOf(() => readRecord(deps.table, instanceId, transition)),
  ]);
  const record = isKnown(stored) ? known(stored.known.record) : stored;
  return { ...found, agent, record, command: await commandOf(deps, instanceId, transition, stored) };
}

function transitionOf(membership: Fact<Membership>, groups: readonly string[]): Transition | undefined {
  if (!isKnown(membership) || !groups.includes(membership.known.group)) return undefined;
  return waitingTransition(membership.known.lifecycleState);
}

/** The record's command; one whose id was lost with the controller that sent it is found by its comment. */
async function commandOf(
  deps: HookDeps,
  instanceId: string,
  transition: Transition,
  stored: Fact<StoredRecord>,
): Promise<Fact<CommandRun>> {
  if (!isKnown(stored)) return stored;
  const { record, commandId } = stored.known;
  if (record.requestedAt === undefined) return absent;
  return factOf(async () => {
    const id =
      commandId ?? (await deps.aws.findCommand(instanceId, commandKey(instanceId, transition, record.attempt)));
    return id === undefined ? undefined : deps.aws.commandRun(instanceId, id);
  });
}
