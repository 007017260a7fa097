import { afterAll, beforeAll, describe } from "@jest/globals";
import { isAll } from "../extent.ts";
import { startFarm, stopFarm } from "./farm.ts";
import { pairServerTests } from "./pair-servers.ts";

/** skeleton.test.ts has the same on MySQL. */
(isAll ? describe : describe.skip)("a farm with MariaDB", () => {
  beforeAll(async () => {
    await stopFarm();
    await startFarm("--web", "1", "--fresh", "--flavour", "mariadb");
  }, 180_000);
  afterAll(async () => {
    await stopFarm();
  }, 60_000);

  pairServerTests("mariadb");
});
