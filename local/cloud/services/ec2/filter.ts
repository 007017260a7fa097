import type { Filter, Tag } from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";

/** The values that a record has for one filter name. */
export type FieldValue = string | number | boolean | undefined | readonly (string | undefined)[];
export type Fields<R> = Readonly<Record<string, (record: R) => FieldValue>>;

/** EC2 accepts at most 200 values in one filter. */
const FILTER_VALUES_MAX = 200;

/** `*` matches any number of characters and `?` exactly one; a backslash takes the meaning away. */
function pattern(value: string): RegExp {
  const source = value.replace(/\\([*?\\])|[*?]|[.+^${}()|[\]\\]/g, (found, escaped: string | undefined) => {
    if (escaped !== undefined) return `\\${escaped}`;
    if (found === "*") return "[\\s\\S]*";
    return found === "?" ? "[\\s\\S]" : `\\${found}`;
  });
  return new RegExp(`^${source}$`);
}

/** Whether a value is one of those that a filter wants; most are plain text, and then no expression is needed. */
function wants({ Values: wanted = [] }: Filter): (value: string) => boolean {
  if (wanted.length > FILTER_VALUES_MAX)
    throw new CloudError("FilterLimitExceeded", `The maximum number of filter values is ${FILTER_VALUES_MAX}.`);
  const [patterns, plain] = [wanted.filter(isPattern).map(pattern), new Set(wanted.filter((one) => !isPattern(one)))];
  return (value) => plain.has(value) || patterns.some((one) => one.test(value));
}

const isPattern = (value: string): boolean => /[*?\\]/.test(value);

function valuesOf<R>(name: string, record: R, fields: Fields<R>, tags: readonly Tag[]): string[] {
  if (name.startsWith("tag:")) return tags.filter((tag) => tag.Key === name.slice(4)).map((tag) => tag.Value ?? "");
  if (name === "tag-key") return tags.map((tag) => tag.Key ?? "");
  const value = fields[name]?.(record);
  if (value === undefined) return [];
  return typeof value === "object" ? value.flatMap((one) => one ?? []) : [String(value)];
}

/** Tells the records that match every filter; within a filter any value is enough. Throws FilterLimitExceeded, InvalidParameterValue. */
export function matching<R>(
  filters: readonly Filter[] = [],
  fields: Fields<R>,
): (record: R, tags: readonly Tag[]) => boolean {
  const all = filters.map((filter) => {
    const { Name: name = "" } = filter;
    if (!name.startsWith("tag:") && name !== "tag-key" && !Object.hasOwn(fields, name))
      throw new CloudError("InvalidParameterValue", `The filter '${name}' is invalid`);
    return { name, isWanted: wants(filter) };
  });
  return (record, tags) => all.every(({ name, isWanted }) => valuesOf(name, record, fields, tags).some(isWanted));
}
