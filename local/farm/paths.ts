import { join } from "node:path";

/** Everything that the local farm writes is below one folder of the project. */
export interface FarmPaths {
  readonly root: string;
  readonly opt: string;
  readonly run: string;
  readonly log: string;
  readonly machines: string;
  /** Shared file systems. */
  readonly share: string;
  readonly functions: string;
  readonly farmJson: string;
  readonly env: string;
  readonly lock: string;
  readonly farmLog: string;
  readonly callsLog: string;
  readonly machineRegistry: string;
  readonly machineLogs: string;
}

export function farmPaths(projectRoot: string): FarmPaths {
  const root = join(projectRoot, ".tandem");
  const run = join(root, "run");
  const log = join(root, "log");
  return {
    root,
    opt: join(root, "opt"),
    run,
    log,
    machines: join(root, "machines"),
    share: join(root, "share"),
    functions: join(root, "functions"),
    farmJson: join(run, "farm.json"),
    env: join(run, "env"),
    lock: join(run, "farm.pid"),
    farmLog: join(log, "farm.log"),
    callsLog: join(log, "calls.jsonl"),
    machineRegistry: join(run, "machines"),
    machineLogs: join(log, "machines"),
  };
}

/** The folder that holds package.json, seen from this file. */
export const projectRoot = join(import.meta.dirname, "../..");
