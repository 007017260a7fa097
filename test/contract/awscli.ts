import { isAll } from "../extent.ts";
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { farmPaths, projectRoot } from "../../local/farm/paths.ts";

/** A program and what it needs before its own arguments and around it. */
export interface AwsCli {
  readonly version: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A command line that does not tell its version in this time is not one to rely on. */
const ANSWER_MS_MAX = 20_000;

/**
 * AWS's command line: the machine's own, or Debian's package, unpacked below `.tandem/` without root (only under
 * `npm run test:all`: it is not part of the set-up). Otherwise the reason why there is none.
 */
export function findAwsCli(): AwsCli | { readonly missing: string } {
  // A test writes nothing into the machine's own installation.
  const own = answering(["aws"], { PYTHONDONTWRITEBYTECODE: "1" });
  if (own !== undefined) return own;
  if (!isAll) return { missing: "no aws on PATH; `npm run test:all` unpacks Debian's package" };
  const { opt } = farmPaths(projectRoot);
  const target = join(opt, "awscli");
  if (!existsSync(target)) {
    const script = join(import.meta.dirname, "unpack-awscli.mjs");
    const ran = spawnSync(process.execPath, [script, target, join(opt, "../setup-awscli")], { encoding: "utf8" });
    if (ran.status !== 0) return { missing: `Debian's awscli cannot be unpacked: ${ran.stderr.trim()}` };
  }
  // The package's modules are built for the Python that it comes with, not for one that is first on PATH.
  const python = [join(target, "usr/bin/python3"), "/usr/bin/python3"].find((path) => existsSync(path));
  if (python === undefined) return { missing: "Debian's awscli is unpacked, but there is no python3 for it" };
  const env = { PYTHONPATH: join(target, "usr/lib/python3/dist-packages") };
  return (
    answering([python, join(target, "usr/bin/aws")], env) ?? { missing: `${target} holds an aws that does not run` }
  );
}

function answering(command: readonly [string, ...string[]], env: AwsCli["env"]): AwsCli | undefined {
  const [program, ...args] = command;
  const told = spawnSync(program, [...args, "--version"], {
    encoding: "utf8",
    timeout: ANSWER_MS_MAX,
    env: { ...process.env, ...env },
  });
  const version = /aws-cli\/\S+/.exec(`${told.stdout}${told.stderr}`)?.[0];
  return version === undefined ? undefined : { version, command, env };
}

export interface AwsAnswer {
  readonly code: number | null;
  /** The output as it was parsed from JSON; undefined for no output. */
  readonly output: unknown;
  readonly stderr: string;
}

/** Runs `aws <args>` against the endpoint, with nothing of the machine's own AWS configuration. */
export function runAws(cli: AwsCli, endpoint: string, args: readonly string[]): Promise<AwsAnswer> {
  const [program = "", ...before] = cli.command;
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(program, [...before, "--endpoint-url", endpoint, "--output", "json", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...{ PATH, HOME, ...cli.env },
      ...{ AWS_ACCESS_KEY_ID: "TEST", AWS_SECRET_ACCESS_KEY: "test", AWS_DEFAULT_REGION: "eu-west-1" },
      ...{ AWS_CONFIG_FILE: "/dev/null", AWS_SHARED_CREDENTIALS_FILE: "/dev/null", AWS_EC2_METADATA_DISABLED: "true" },
      ...{ AWS_PAGER: "", AWS_MAX_ATTEMPTS: "1" },
    },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      resolve({ code, output: stdout.trim() === "" ? undefined : JSON.parse(stdout), stderr }),
    );
  });
}
