import { existsSync, readFileSync } from "node:fs";
import * as z from "zod";
import { farmPaths, projectRoot } from "../farm/paths.ts";
import { isAlive } from "../farm/lock.ts";
import { CliError } from "./output.ts";

/** Where the CLI's calls go: a live local farm, another endpoint, or AWS when it was named. */
export interface Target {
  readonly world: "local" | "aws" | "endpoint";
  readonly stage: string;
  readonly region: string;
  readonly endpoint?: string;
  readonly profile?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export interface TargetOptions {
  readonly stage?: string;
  readonly region?: string;
  readonly profile?: string;
}

const farmJsonSchema = z.object({
  pid: z.number(),
  stage: z.string(),
  region: z.string(),
  account: z.string(),
  endpoint: z.string(),
  site: z.string(),
});
export type FarmJson = z.infer<typeof farmJsonSchema>;

/** The live local farm of this project folder, or undefined when none runs. */
export function liveFarm(): FarmJson | undefined {
  const paths = farmPaths(projectRoot);
  if (!existsSync(paths.farmJson)) return undefined;
  const farm = farmJsonSchema.safeParse(JSON.parse(readFileSync(paths.farmJson, "utf8")));
  return farm.success && isAlive(farm.data.pid) ? farm.data : undefined;
}

/** `export NAME='value'` lines of `.tandem/run/env`. */
export function farmEnvironment(): Readonly<Record<string, string>> {
  const text = readFileSync(farmPaths(projectRoot).env, "utf8");
  return Object.fromEntries([...text.matchAll(/^export (\w+)='([^']*)'$/gm)].map((match) => [match[1], match[2]]));
}

/**
 * `AWS_ENDPOINT_URL`, else `--stage/--profile/--region`, else a live local farm; never AWS by default.
 */
export function resolveTarget(options: TargetOptions, env: Readonly<Record<string, string | undefined>>): Target {
  const named = options.stage !== undefined || options.profile !== undefined || options.region !== undefined;
  if (env["AWS_ENDPOINT_URL"] !== undefined) {
    return {
      world: "endpoint",
      stage: options.stage ?? env["TANDEM_STAGE"] ?? "local",
      region: options.region ?? env["AWS_REGION"] ?? "eu-west-1",
      endpoint: env["AWS_ENDPOINT_URL"],
    };
  }
  if (named) {
    if (options.stage === undefined) throw new CliError("name the stage too: --stage S (AWS is never assumed)");
    const region = options.region ?? env["AWS_REGION"];
    if (region === undefined) throw new CliError("name the region: --region R, or set AWS_REGION");
    return {
      world: "aws",
      stage: options.stage,
      region,
      ...(options.profile !== undefined && { profile: options.profile }),
    };
  }
  const farm = liveFarm();
  if (farm === undefined) {
    throw new CliError(
      "no local farm runs here. Start one with `npm run local`, or name a farm on AWS with --stage and --region",
    );
  }
  const keys = farmEnvironment();
  return {
    world: "local",
    stage: farm.stage,
    region: farm.region,
    endpoint: farm.endpoint,
    credentials: { accessKeyId: keys["AWS_ACCESS_KEY_ID"] ?? "", secretAccessKey: keys["AWS_SECRET_ACCESS_KEY"] ?? "" },
  };
}
