import { describe, expect, test } from "@jest/globals";
import { evaluate, type StateValue, type TreatMissing } from "../../../../local/cloud/services/cloudwatch/evaluate.ts";

/** `X` breaches, `0` does not, `-` is missing; oldest first, as in the documentation. */
const decide = (datapointsToAlarm: number, treatMissing: TreatMissing, range: string): StateValue | undefined =>
  evaluate(
    { evaluationPeriods: 3, datapointsToAlarm, treatMissing, breaches: (value) => value > 0 },
    range.split(" ").map((one, at) => ({ at, value: one === "-" ? undefined : one === "X" ? 1 : 0 })),
  ).state;

const NO = "INSUFFICIENT_DATA";
const KEEP = undefined;
const TREATMENTS = ["missing", "ignore", "breaching", "notBreaching"] as const;

// The two tables of "Configuring how CloudWatch alarms treat missing data".
describe.each<[number, string, readonly (StateValue | undefined)[]]>([
  [3, "0 - X - X", ["OK", "OK", "OK", "OK"]],
  [3, "- - - - 0", ["OK", "OK", "OK", "OK"]],
  [3, "- - - - -", [NO, KEEP, "ALARM", "OK"]],
  [3, "0 X X - X", ["ALARM", "ALARM", "ALARM", "ALARM"]],
  [3, "- - X - -", ["ALARM", KEEP, "ALARM", "OK"]],
  [2, "0 - X - X", ["ALARM", "ALARM", "ALARM", "ALARM"]],
  [2, "0 0 X 0 X", ["ALARM", "ALARM", "ALARM", "ALARM"]],
  [2, "0 - X - -", ["OK", "OK", "ALARM", "OK"]],
  [2, "- - - - 0", ["OK", "OK", "ALARM", "OK"]],
  [2, "- - - X -", ["ALARM", KEEP, "ALARM", "OK"]],
  // Not in the tables: too young to alarm.
  [3, "- - - - X", [KEEP, KEEP, "ALARM", "OK"]],
])("%d of 3 with %s", (datapointsToAlarm, range, expected) => {
  test.each(TREATMENTS.map((treatment, index) => [treatment, expected[index]] as const))(
    "missing treated as %s: %s",
    (treatment, state) => {
      expect(decide(datapointsToAlarm, treatment, range)).toBe(state);
    },
  );
});
