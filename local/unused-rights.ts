import { readFileSync } from "node:fs";
import * as z from "zod";
import { farmEnvironment } from "./cli/target.ts";
import { farmPaths, projectRoot } from "./farm/paths.ts";
import { unusedOfFarm, unusedWords } from "./farm/rights.ts";

/** Prints what the roles of the running farm may do and have not done since it started. */
const paths = farmPaths(projectRoot);
const { startedAt } = z.object({ startedAt: z.string() }).parse(JSON.parse(readFileSync(paths.farmJson, "utf8")));
const environment = farmEnvironment();
const configuration = {
  endpoint: environment["AWS_ENDPOINT_URL"] ?? "",
  region: environment["AWS_REGION"] ?? "",
  credentials: {
    accessKeyId: environment["AWS_ACCESS_KEY_ID"] ?? "",
    secretAccessKey: environment["AWS_SECRET_ACCESS_KEY"] ?? "",
  },
};
console.log(unusedWords(await unusedOfFarm(configuration, paths.callsLog, startedAt)) || "every right was used");
