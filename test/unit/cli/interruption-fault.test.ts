import { describe, expect, test } from "@jest/globals";
import { interruptionFault, interruptionFaults } from "../../../local/cli/interruption-fault.ts";
import { interruptionSchemas } from "../../../local/farm/interruption-fault.ts";

const isTaken = (wish: unknown): boolean => interruptionSchemas.some((schema) => schema.safeParse(wish).success);

describe("an interruption on the command line", () => {
  test.each([
    ["spot-warning", {}, {}],
    ["rebalance", {}, {}],
    ["stop", {}, {}],
    ["health", {}, { inSeconds: 3_600 }],
    ["health", { in: "10m" }, { inSeconds: 600 }],
  ])("%s %j is an order that the farm takes", (kind, options, order) => {
    const wish = interruptionFault(kind, "i-1", options);
    expect(wish).toEqual({ kind, instanceId: "i-1", ...order });
    expect(isTaken(wish)).toBe(true);
  });

  test("every kind of the list is known to the farm", () => {
    const known = interruptionSchemas.flatMap(({ shape: { kind } }) => [...kind._zod.values]);
    expect(interruptionFaults.map(({ kind }) => kind).toSorted()).toEqual(known.map(String).toSorted());
  });

  test("a time that is none, or further ahead than AWS announces, is refused", () => {
    expect(() => interruptionFault("health", "i-1", { in: "soon" })).toThrow(/duration "soon"/);
    expect(isTaken(interruptionFault("health", "i-1", { in: "1000h" }))).toBe(false);
  });
});
