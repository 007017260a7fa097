import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export const nodeFiles = resolve("infra/nodes");

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A machine's root folder of its own. */
export const machineRoot = (): string => mkdtempSync(join(tmpdir(), "tandem-node-"));

/** Runs a piece of bash as the node scripts run: strict, with lib.sh, in a machine whose root is `root`. No rc file: bash reads
 *  one when its input is a socket, which Node.js makes of a pipe. */
export function inMachine(script: string, root: string, env: Readonly<Record<string, string>> = {}): Ended {
  const whole = `set -euo pipefail\nsource "${nodeFiles}/lib.sh"\n${script}`;
  const ended = spawnSync("bash", ["--norc", "-c", whole], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "", TANDEM_ROOT: root, TANDEM_STAGE: "local", ...env },
  });
  return { code: ended.status, stdout: ended.stdout, stderr: ended.stderr };
}
