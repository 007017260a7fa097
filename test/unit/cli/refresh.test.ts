import { expect, test } from "@jest/globals";
import { refreshOrder } from "../../../local/cli/commands.ts";
import { exitUsage } from "../../../local/cli/output.ts";

test.each([
  [{}, { action: "refresh" }],
  [
    { minHealthy: "50", checkpoints: "20, 50,100", checkpointDelay: "10m" },
    { action: "refresh", minHealthyPercent: 50, checkpoints: [20, 50, 100], checkpointDelaySeconds: 600 },
  ],
  [{ cancel: true }, { action: "cancel-refresh" }],
  [{ rollback: true }, { action: "roll-back-refresh" }],
])("the options %j are the order %j", (options, order) => {
  expect(refreshOrder(options)).toEqual(order);
});

test.each([
  [{ cancel: true, rollback: true }, "--cancel takes no other option with it"],
  [{ rollback: true, minHealthy: "90" }, "--rollback takes no other option with it"],
  [{ checkpointDelay: "10m" }, "--checkpoint-delay is for --checkpoints"],
  [{ minHealthy: "101" }, '--min-healthy is "101": give a whole number from 0 to 100'],
  [{ checkpoints: "20,half" }, '--checkpoints is "half": give a whole number from 1 to 100'],
  [{ checkpoints: "20,100", checkpointDelay: "soon" }, 'duration "soon"'],
])("the options %j are refused with what is allowed", (options, says) => {
  expect(() => refreshOrder(options)).toThrow(
    expect.objectContaining({ message: expect.stringContaining(says), exitCode: exitUsage }),
  );
});
