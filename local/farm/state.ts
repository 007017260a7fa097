import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { FarmPaths } from "./paths.ts";

/** Which servers the farm's two database machines run. */
export type Flavour = "mysql" | "mariadb";

/** `.tandem/run/farm.json`: what other programs need to find a live farm. Written last, removed on stop. */
export interface FarmState {
  readonly pid: number;
  readonly startedAt: string;
  readonly flavour: Flavour;
  readonly stage: string;
  readonly region: string;
  readonly account: string;
  readonly endpoint: string;
  readonly site: string;
  /** Base URL of the farm's static host; null when the farm was deployed without an edge. */
  readonly edge: string | null;
  /** The live page; null until the farm has one. */
  readonly page: null;
  readonly dns: { readonly address: string; readonly port: number; readonly zones: readonly string[] };
  readonly addresses: Readonly<Record<string, string>>;
  readonly logs: string;
}

/** A reader sees the old file or the new one, never a half. */
export function writeState(paths: FarmPaths, state: FarmState): void {
  mkdirSync(paths.run, { recursive: true });
  const part = `${paths.farmJson}.part`;
  writeFileSync(part, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(part, paths.farmJson);
}

export const removeState = (paths: FarmPaths): void => {
  rmSync(paths.farmJson, { force: true });
  rmSync(paths.env, { force: true });
};

/** `.tandem/run/env`, to be sourced; only its owner may read it, for it holds keys. */
export function writeEnvironment(paths: FarmPaths, environment: Readonly<Record<string, string>>): void {
  mkdirSync(paths.run, { recursive: true });
  const lines = Object.entries(environment).map(([name, value]) => `export ${name}='${value}'\n`);
  writeFileSync(paths.env, lines.join(""), { mode: 0o600 });
}
