import { isKnown } from "../reconcile/fact.ts";
import type { StartMachine } from "./action.ts";
import { pairOf, type NodeFacts, type PairFacts } from "./facts.ts";

/**
 * The machine of a server is stopped, by a fence or by EC2, and nothing is decided that needs it stopped. Its server starts
 * read-only: if it is the recorded writer it is opened then, and otherwise it joins as a peer or is kept apart.
 */
export function startMachines(facts: PairFacts, nodes: readonly NodeFacts[]): StartMachine[] {
  const pair = pairOf(facts);
  return nodes.flatMap(({ name, machine }): StartMachine[] =>
    pair === undefined || !isKnown(machine) || machine.known.state !== "stopped"
      ? []
      : [
          {
            kind: "start-machine",
            node: name,
            writer: pair.writer,
            instanceId: machine.known.instanceId,
            reason: `the machine of ${name} is stopped; its server starts read-only`,
            precondition: "the writer on record and the servers are as they were read",
            idempotencyKey: `start ${machine.known.instanceId}`,
          },
        ],
  );
}
