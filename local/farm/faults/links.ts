import { CONTROLLER } from "../callers.ts";
import { APP, type FarmMachines } from "../machines.ts";
import { ANY, type Link, type Relays } from "../relay.ts";
import type { LastingFaults } from "./lasting.ts";
import { Refusal } from "./refusal.ts";

/** Everything that connects to a machine, and everything that the machine connects to. */
const ALL = "all";

interface Around {
  readonly machines: FarmMachines;
  readonly relays: Relays;
  readonly lasting: LastingFaults;
}

function addressOf(machines: FarmMachines, target: string): string {
  const machine = machines.find(target);
  if (machine === undefined)
    throw new Refusal(`${target} is no machine of the farm: give db-a, db-b or the instance id of a web node`);
  return machine.address;
}

/** `controller` and `app` are ends of links by themselves. */
const callerOf = (machines: FarmMachines, from: string): string =>
  from === CONTROLLER || from === APP ? from : addressOf(machines, from);

const arrow = (from: string, to: string): string => `${from} -> ${to}`;

/** Cuts the link, or with `all` both directions of every link of a machine. In force, and seen so, when it returns. */
export function partition(
  { machines, relays, lasting }: Around,
  wish: { readonly from: string; readonly to: string; readonly forSeconds?: number | undefined },
): Record<string, unknown> {
  const to = addressOf(machines, wish.to);
  if (wish.from === wish.to) throw new Refusal(`${wish.to} has no link to itself`);
  const links: readonly Link[] =
    wish.from === ALL
      ? [
          { from: ANY, to },
          { from: to, to: ANY },
        ]
      : [{ from: callerOf(machines, wish.from), to }];
  for (const link of links) relays.cut(link);
  lasting.add(`partition ${wish.from} ${wish.to}`, `partition ${arrow(wish.from, wish.to)}`, wish.forSeconds, () => {
    for (const link of links) relays.mend(link);
  });
  return { cut: links.map((link) => arrow(link.from, link.to)), isolated: relays.isolatedSince(to) !== undefined };
}

/** Makes every byte on the link arrive later, in either direction. */
export function slowDown(
  { machines, relays, lasting }: Around,
  wish: { readonly from: string; readonly to: string; readonly ms: number; readonly forSeconds?: number | undefined },
): Record<string, unknown> {
  const link = { from: callerOf(machines, wish.from), to: addressOf(machines, wish.to) };
  relays.delay(link, wish.ms);
  lasting.add(
    `delay ${wish.from} ${wish.to}`,
    `delay of ${wish.ms} ms ${arrow(wish.from, wish.to)}`,
    wish.forSeconds,
    () => relays.delay(link, 0),
  );
  return { slow: arrow(link.from, link.to), ms: wish.ms };
}
