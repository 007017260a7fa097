import { CliError, exitUsage } from "./output.ts";

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90s`, `10m`, `1h`, `2d` in seconds. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  const unit = match?.[2] === undefined ? undefined : secondsOf[match[2]];
  const seconds = Number(match?.[1]) * (unit ?? Number.NaN);
  if (!(seconds > 0))
    throw new CliError(`duration "${text}": give a number and a unit, e.g. 90s, 10m or 1h`, exitUsage);
  return seconds;
}

/** An ISO-8601 time, or a duration before `now` (e.g. `10m`), in ISO-8601 UTC. */
export function parseSince(text: string, nowMs: number): string {
  const time = /^\d{4}-/.test(text) ? Date.parse(text) : nowMs - parseDuration(text) * 1000;
  if (Number.isNaN(time))
    throw new CliError(`time "${text}": give ISO-8601, e.g. 2026-01-31T12:00:00Z, or a duration`, exitUsage);
  return new Date(time).toISOString();
}
