import { expect, test } from "@jest/globals";
import { applyServerAction } from "../../../lib/database/apply.ts";
import type { Promote } from "../../../lib/database/action.ts";
import type { ServerSession } from "../../../lib/database/driver.ts";
import type { Hands } from "../../../lib/database/hands.ts";
import { memoryTable } from "../reconcile/memory-table.ts";
import { channel, NOW, record, server } from "./facts.ts";

const promote: Promote = {
  kind: "promote",
  node: "db-b",
  writer: "db-a",
  how: "failover",
  lost: "0",
  reason: "db-a is dead",
  precondition: "as read",
  idempotencyKey: "promote db-b",
};
/** What nothing here asks for. */
const never = (): never => {
  throw new Error("asked for what this test does not give");
};

test("a peer whose applier ends while it drains is not opened, and not asked on: the next look decides", async () => {
  const table = memoryTable();
  await table.update({ pk: "database", sk: "pair" }, { set: { pair: JSON.parse(JSON.stringify(record())), fence: 1 } });
  const seen = { renewals: 0, opened: 0 };
  const sqlError = { code: 1062, text: "Duplicate entry" };
  const session: ServerSession = {
    stopReplication: async () => undefined,
    drained: async () => false,
    state: async () => server("db-b", { channels: [channel("db-a", { io: "No", sql: "No", sqlError })] }),
    open: async () => void (seen.opened += 1),
    fence: never,
    close: never,
    prepareSchema: never,
    replicateFrom: never,
    startReplication: never,
    reached: never,
    semiSync: never,
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a promotion that is given up asks for nothing else
  const hands = {
    deps: { table, clock: { now: () => NOW, sleep: never }, requests: {} },
    tenure: { fence: 1, isAlive: () => true, renew: async () => true },
    claim: async () => undefined,
    pair: async () => record(),
    write: never,
    goOn: async () => void (seen.renewals += 1),
    on: (_node: string, use: (given: ServerSession) => Promise<unknown>) => use(session),
  } as unknown as Hands;

  await expect(applyServerAction(hands, promote)).rejects.toMatchObject({ code: "drain-stopped", retriable: true });

  expect(seen).toEqual({ renewals: 0, opened: 0 });
});
