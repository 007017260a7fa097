import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Product } from "./tandem.ts";

const SETTINGS = join(import.meta.dirname, "../../serverless.yml");

export interface Defaults extends Product {
  readonly warmPoolMin: number;
}

/** What the product does for whoever deploys it without a parameter, read where it is defined. */
export function productDefaults(): Defaults {
  const text = readFileSync(SETTINGS, "utf8");
  const defaults = text.slice(text.indexOf("\nparams:\n  default:\n"), text.indexOf("\n  local:\n"));
  const of = (name: string): number => {
    const [, value] = new RegExp(`^    ${name}: (\\d+)\\b`, "m").exec(defaults) ?? [];
    if (value === undefined) throw new Error(`serverless.yml has no default for ${name}`);
    return Number(value);
  };
  return {
    phpWorkers: of("phpWorkers"),
    targetBusyPercent: of("targetBusyPercent"),
    scaleInCooldownSeconds: of("scaleInCooldownSeconds"),
    warmPoolMin: of("warmPoolMin"),
  };
}
