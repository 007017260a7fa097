import { readEnvironment } from "../../../lib/environment.ts";
import { specOf } from "../../../lib/spec.ts";

/** What the template gives to the functions of the local farm. */
export const LOCAL_VARIABLES = {
  TANDEM_STAGE: "local",
  TANDEM_WORLD: "local",
  AWS_REGION: "eu-west-1",
  TANDEM_DB_A: "127.99.10.10",
  TANDEM_DB_B: "127.99.11.10",
  TANDEM_PHP_WORKERS: "2",
  TANDEM_TARGET_BUSY_PERCENT: "70",
  TANDEM_SCALE_IN_COOLDOWN_SECONDS: "20",
  TANDEM_OBSERVE_ONLY: "false",
};

export const localSpec = specOf(readEnvironment(LOCAL_VARIABLES));
