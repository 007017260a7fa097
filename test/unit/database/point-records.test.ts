import { expect, test } from "@jest/globals";
import type { PointRecords } from "../../../lib/database/action.ts";
import { applyServerAction } from "../../../lib/database/apply.ts";
import type { Hands } from "../../../lib/database/hands.ts";
import { TandemError } from "../../../lib/errors.ts";
import { memoryTable } from "../reconcile/memory-table.ts";
import { record } from "./facts.ts";
import { localSpec } from "../trigger/local-spec.ts";

const pointRecords: PointRecords = {
  kind: "point-records",
  node: "db-a",
  writer: "db-a",
  reason: "db-a is the writer",
  precondition: "as read",
  idempotencyKey: "point-records db-a",
};

test("whoever lost the lease while Route 53 took its time does not write down that the records are his", async () => {
  const table = memoryTable();
  await table.update({ pk: "database", sk: "pair" }, { set: { pair: JSON.parse(JSON.stringify(record())), fence: 1 } });
  const done: string[] = [];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- pointing the records asks for nothing else
  const hands = {
    deps: {
      table,
      spec: { ...localSpec, privateZone: "Z1" },
      route53: { send: async () => void done.push("records") },
    },
    tenure: { fence: 1 },
    claim: async () => undefined,
    goOn: async () => {
      done.push("lease");
      throw new TandemError("lease-lost", "somebody else holds it", { next: "nothing", retriable: true });
    },
    write: async () => void done.push("write"),
  } as unknown as Hands;

  await expect(applyServerAction(hands, pointRecords)).rejects.toMatchObject({ code: "lease-lost" });
  expect(done).toEqual(["records", "lease"]);
});
