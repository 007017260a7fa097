import { describe, expect, test } from "@jest/globals";
import { pairFault, pairFaults, wordsOf } from "../../../local/cli/pair-fault.ts";
import { pairFaultSchemas } from "../../../local/farm/faults/index.ts";

const isTaken = (wish: unknown): boolean => pairFaultSchemas.some((schema) => schema.safeParse(wish).success);

describe("a fault of a link or of a database server on the command line", () => {
  test.each([
    ["partition", ["controller", "db-a"], {}, { from: "controller", to: "db-a" }],
    ["partition", ["db-a", "db-b"], { for: "10s" }, { from: "db-a", to: "db-b", forSeconds: 10 }],
    ["delay", ["app", "db-a"], { ms: "40" }, { from: "app", to: "db-a", ms: 40 }],
    ["mysql-kill", ["writer"], {}, { node: "writer" }],
    ["mysql-stop", ["peer"], { for: "1m" }, { node: "peer", forSeconds: 60 }],
    ["read-only-both", [], {}, {}],
    ["lag", ["db-b"], {}, { node: "db-b", seconds: 30 }],
    ["duplicate-row", ["db-b"], { identical: true }, { node: "db-b", identical: true }],
    ["duplicate-row", ["db-b"], {}, { node: "db-b", identical: false }],
    ["hold-transaction", ["db-a"], { for: "5s" }, { node: "db-a", forSeconds: 5 }],
  ])("%s %j %j is an order that the farm takes", (kind, args, options, order) => {
    const wish = pairFault(kind, args, options);
    expect(wish).toEqual({ kind, ...order });
    expect(isTaken(wish)).toBe(true);
  });

  test("every kind of the list is known to the farm", () => {
    const known = pairFaultSchemas.flatMap(({ shape: { kind } }) => [...kind._zod.values]);
    expect(pairFaults.map(({ kind }) => kind).toSorted()).toEqual(known.map(String).toSorted());
    expect(pairFaults.map(({ usage }) => usage)).toContain("fault mysql-kill <node> [--for T] [--json]");
  });

  test.each([
    ["delay", { ms: "0" }, /--ms is "0": give a whole number from 1 to 60000/],
    ["delay", {}, /--ms is ""/],
    ["lag", { seconds: "1.5" }, /--seconds is "1.5"/],
    ["mysql-stop", { for: "soon" }, /duration "soon"/],
  ])("%s %j is refused with what is allowed", (kind, options, says) => {
    expect(() => pairFault(kind, ["db-a"], options)).toThrow(says);
  });

  test("what was seen is told in words", () => {
    expect(wordsOf({ killed: "db-a", pid: 7, port: "refuses" })).toBe("killed db-a, pid 7, port refuses");
  });
});
