import { expect, test } from "@jest/globals";
import { refusal } from "../../../local/cli/invoke.ts";

test.each([
  ["an order that is wrong", { error: { code: "bad-parameter", message: "count is many", next: "give a number" } }],
  ["an order that is wrong, without a next step", { error: { code: "bad-parameter", message: "count is many" } }],
])("%s ends the command with its words", (_what, answer) => {
  expect(refusal(answer)).toMatch(/^count is many(\. give a number)?$/);
});

test("a wish that the loop refuses ends the command with the reason", () => {
  const text = "scale is refused: count is 50, allowed is a whole number from 2 to 6";
  expect(refusal({ text, lines: [], request: { id: "1", action: "scale", state: "refused" } })).toBe(text);
});

test.each(["pending", "standing", "done"])("a wish that is %s is no refusal", (state) => {
  expect(refusal({ text: "as you wish", request: { id: "1", action: "scale", state } })).toBeUndefined();
});

test.each([null, "text", { farm: "tandem-local" }])("an answer such as %j is no refusal", (answer) => {
  expect(refusal(answer)).toBeUndefined();
});
