import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { farmEnvironment } from "../../local/cli/target.ts";
import { farmPaths, projectRoot } from "../../local/farm/paths.ts";

/** For SDK clients of the operator, pointed at the farm. */
export function clientOptions() {
  const env = farmEnvironment();
  return {
    endpoint: env["AWS_ENDPOINT_URL"] ?? "",
    region: env["AWS_REGION"] ?? "",
    credentials: { accessKeyId: env["AWS_ACCESS_KEY_ID"] ?? "", secretAccessKey: env["AWS_SECRET_ACCESS_KEY"] ?? "" },
  };
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** Runs a program of the project to its end, as a user would from the project's folder. */
export function run(
  program: string,
  args: readonly string[],
  extra: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const startedAt = performance.now();
  const { AWS_ENDPOINT_URL: _endpoint, ...env } = process.env;
  const child = spawn(program, args, {
    cwd: projectRoot,
    env: { ...env, PATH: `${join(projectRoot, "node_modules/.bin")}:${env["PATH"]}`, NODE_OPTIONS: "", ...extra },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr, seconds: (performance.now() - startedAt) / 1000 }));
  });
}

/** A command that must succeed; its output otherwise is the failure's message. */
export async function succeed(
  program: string,
  args: readonly string[],
  extra: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const ran = await run(program, args, extra);
  if (ran.code !== 0)
    throw new Error(`${program} ${args.join(" ")} exited with ${ran.code}:\n${ran.stdout}\n${ran.stderr}`);
  return ran;
}

export const tandem = (...args: string[]): Promise<Ran> => run(join(projectRoot, "bin/tandem"), args);

/** The Serverless Framework pointed at the farm, as after `. .tandem/run/env`. */
export const serverless = (...args: string[]): Promise<Ran> =>
  succeed(join(projectRoot, "node_modules/.bin/serverless"), args, { ...farmEnvironment() });

export const startFarm = (...args: string[]): Promise<Ran> =>
  succeed("node", [join(projectRoot, "local/setup/run.mjs"), "local/main.ts", "start", "--headless", ...args]);

export const stopFarm = (): Promise<Ran> =>
  run("node", [join(projectRoot, "local/setup/run.mjs"), "local/main.ts", "stop"]);

const farmSchema = z.object({
  pid: z.number(),
  endpoint: z.string(),
  site: z.string(),
  edge: z.string(),
  dns: z.object({ address: z.string(), port: z.number(), zones: z.array(z.string()) }),
  addresses: z.record(z.string(), z.string()),
});

export const farmJson = (): z.infer<typeof farmSchema> =>
  farmSchema.parse(JSON.parse(readFileSync(farmPaths(projectRoot).farmJson, "utf8")));

const statusSchema = z.looseObject({
  web: z.looseObject({
    desired: z.number(),
    nodes: z.array(z.looseObject({ id: z.string(), state: z.string(), health: z.unknown() })),
    refresh: z.unknown(),
  }),
  cron: z.looseObject({ last: z.nullable(z.looseObject({ at: z.string() })), problems: z.array(z.unknown()) }),
  edge: z.looseObject({ distribution: z.unknown(), records: z.array(z.looseObject({ name: z.string() })) }),
  database: z.looseObject({
    problems: z.array(z.looseObject({ code: z.string() })),
    writer: z.unknown(),
    nodes: z.array(z.looseObject({ name: z.string(), readOnly: z.unknown() })),
  }),
});
export type Status = z.infer<typeof statusSchema>;

export async function status(): Promise<Status> {
  const ran = await tandem("status", "--json");
  if (ran.code !== 0) throw new Error(`tandem status exited with ${ran.code}: ${ran.stderr}`);
  return statusSchema.parse(JSON.parse(ran.stdout));
}

export const inService = (seen: Status): string[] =>
  seen.web.nodes.filter((node) => node.state === "InService").map((node) => node.id);

const lineSchema = z.looseObject({
  at: z.string(),
  cause: z.string(),
  scope: z.string(),
  phase: z.string(),
  problem: z.string().optional(),
  action: z.string().optional(),
  result: z.string(),
});

export async function journal(since: string): Promise<z.infer<typeof lineSchema>[]> {
  const ran = await tandem("journal", "--json", "--since", since);
  if (ran.code !== 0) throw new Error(`tandem journal exited with ${ran.code}: ${ran.stderr}`);
  return ran.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => lineSchema.parse(JSON.parse(line)));
}

const callSchema = z.looseObject({
  at: z.string(),
  principal: z.string(),
  service: z.string(),
  operation: z.string(),
  resource: z.string(),
  decision: z.enum(["allowed", "denied", "unenforced"]),
  status: z.number(),
});

export const calls = (): z.infer<typeof callSchema>[] =>
  readFileSync(farmPaths(projectRoot).callsLog, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => callSchema.parse(JSON.parse(line)));

/** Polls until `holds` says so; fails with what was seen last. */
export async function eventually<T>(
  what: string,
  seconds: number,
  look: () => Promise<T>,
  holds: (seen: T) => boolean,
  everyMs = 1_000,
): Promise<T> {
  const until = Date.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() > until)
      throw new Error(`${what} did not come within ${seconds} s; last seen: ${JSON.stringify(seen)}`);
    await sleep(everyMs);
  }
}

const pidsOf = async (script: string): Promise<number[]> => {
  const ran = await run("bash", ["--norc", "-c", `${script}\ntrue`]);
  return ran.stdout
    .split("\n")
    .flatMap((path) => /^\/proc\/(\d+)\//.exec(path)?.[1] ?? [])
    .map(Number);
};

const MACHINES = "grep -lsz '^TANDEM_INSTANCE=' /proc/[0-9]*/environ";
/** Written so that it does not match the search's own command line. */
const FUNCTIONS = `grep -ls '${join(projectRoot, "local/cloud/lambda/bootstrap")}[.]ts' /proc/[0-9]*/cmdline`;

/** Pids of the processes of a farm's machines; they carry a mark in their environment. */
export const machineProcesses = (): Promise<number[]> => pidsOf(MACHINES);

/** Those, and of this project's functions. */
export const farmProcesses = (): Promise<number[]> => pidsOf(`${MACHINES}\n${FUNCTIONS}`);
