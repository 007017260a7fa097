import { expect, test } from "@jest/globals";
import { databaseCapability } from "../../../lib/database/database.ts";
import type { AnswerOfPair } from "../../../lib/database/action.ts";
import type { ApplyDeps } from "../../../lib/database/hands.ts";
import { writePair } from "../../../lib/database/pair.ts";
import { memoryTable } from "../reconcile/memory-table.ts";
import { localSpec } from "../trigger/local-spec.ts";
import { NOW, record } from "./facts.ts";

const refusal: AnswerOfPair = {
  kind: "answer-request",
  requestId: "r1",
  state: "refused",
  answer: "db-a stays the writer: db-a cannot be read",
  writer: "db-a",
  reason: "switchover refused",
  precondition: "request r1 is open",
  idempotencyKey: "answer r1 refused",
};
const tenure = { fence: 4, isAlive: () => true, renew: async () => true };

async function pairWith(writer: "db-a" | "db-b") {
  const table = memoryTable();
  await writePair(table, record({ writer }), 3);
  const answered: unknown[] = [];
  const requests = { settle: async (_id: string, outcome: unknown) => void answered.push(outcome) };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an answer asks for nothing else
  const deps = { table, requests, spec: localSpec, clock: { now: () => NOW } } as unknown as ApplyDeps;
  return { table, answered, capability: databaseCapability(deps) };
}

test("whoever still switches over is barred from the record before the next holder answers what that said", async () => {
  const { table, answered, capability } = await pairWith("db-a");

  await capability.apply(refusal, tenure);

  expect(answered).toMatchObject([{ state: "refused" }]);
  await expect(writePair(table, record({ writer: "db-b" }), 3)).rejects.toMatchObject({ code: "fenced-off" });
});

test("what was said while another server was the recorded writer is not answered", async () => {
  const { answered, capability } = await pairWith("db-b");

  await expect(capability.apply(refusal, tenure)).rejects.toMatchObject({ code: "not-as-planned" });
  expect(answered).toEqual([]);
});
