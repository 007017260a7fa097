import { CloudError } from "../../errors.ts";

const PAGE_MAX = 400;

export const invalid = (message: string, code = "ValidationError"): CloudError => new CloudError(code, message);

/** A required member; the wire layer has checked it already, so a missing one is refused in the same way. */
export function given<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw invalid(`A ${name} must be specified`);
  return value;
}

/** A member that was given but that this cloud does not act on would be ignored in silence: it is refused by name. */
export function refuseUnknown(operation: string, input: object, known: readonly string[]): void {
  const unknown = Object.entries(input).find(([name, value]) => value !== undefined && !known.includes(name));
  if (unknown !== undefined)
    throw invalid(`${operation}: the embedded cloud does not support ${unknown[0]}`, "InvalidConfigurationRequest");
}

export function inRange(value: number, name: string, min: number, max: number): number {
  if (value < min || value > max) throw invalid(`${name} must be between ${min} and ${max}, not ${value}`);
  return value;
}

/** One page; the marker is the position of the next item. */
export function page<T>(
  items: readonly T[],
  { Marker, PageSize }: { Marker?: string | undefined; PageSize?: number | undefined },
): { items: T[]; NextMarker?: string } {
  const from = Number(Marker ?? 0);
  if (!Number.isInteger(from) || from < 0) throw invalid(`The marker '${Marker}' is not valid`);
  const next = from + inRange(PageSize ?? PAGE_MAX, "PageSize", 1, PAGE_MAX);
  return { items: items.slice(from, next), ...(next < items.length ? { NextMarker: String(next) } : {}) };
}
