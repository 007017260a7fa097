import { describe, expect, test } from "@jest/globals";
import { readEnvironment } from "../../../lib/environment.ts";
import { LOCAL_VARIABLES, localSpec } from "./local-spec.ts";

describe("the settings of a deployment", () => {
  test("give the names of the farm", () => {
    expect(localSpec).toMatchObject({
      farm: "tandem-local",
      world: "local",
      table: "tandem-local-state",
      databaseGroups: { "db-b": "tandem-local-db-b" },
      documents: { launch: "tandem-local-launch" },
      secretsPrefix: "tandem/local",
      workersPerNode: 2,
      observeOnly: false,
    });
  });

  test.each([
    ["TANDEM_STAGE", "Prod_1", 'TANDEM_STAGE is "Prod_1", allowed is a stage name'],
    ["TANDEM_WORLD", "moon", 'TANDEM_WORLD is "moon", allowed is aws or local'],
    ["TANDEM_PHP_WORKERS", "two", 'TANDEM_PHP_WORKERS is "two", allowed is a whole number from 1 to 512'],
    ["TANDEM_TARGET_BUSY_PERCENT", "100", 'is "100", allowed is a whole number from 1 to 95'],
    ["TANDEM_OBSERVE_ONLY", "maybe", 'TANDEM_OBSERVE_ONLY is "maybe", allowed is true or false'],
    ["TANDEM_DB_A", "db-a.internal", 'TANDEM_DB_A is "db-a.internal", allowed is an IPv4 address'],
    ["TANDEM_DB_B", "", "TANDEM_DB_B is not set, allowed is an IPv4 address"],
  ])("that are wrong (%s=%s) fail with the variable, what was given and what is allowed", (name, value, says) => {
    expect(() => readEnvironment({ ...LOCAL_VARIABLES, [name]: value })).toThrow(says);
  });

  test("that are wrong in several places are all named at once", () => {
    expect(() => readEnvironment({})).toThrow(
      /TANDEM_STAGE is not set.*TANDEM_WORLD is not set.*TANDEM_DB_B.*WORKERS is not set, allowed is a whole number from 1/,
    );
  });
});
