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

/** Most values are plain text: then no expression is needed. */
const fits = (wanted: string, value: string): boolean =>
  /[*?\\]/.test(wanted) ? pattern(wanted).test(value) : wanted === value;

function valuesOf<R>(name: string, record: R, fields: Fields<R>, tags: readonly Tag[]): string[] {
  if (name.startsWith("tag:")) return tags.filter((tag) => tag.Key === name.slice(4)).map((tag) => tag.Value ?? "");
  if (name === "tag-key") return tags.map((tag) => tag.Key ?? "");
  const field = fields[name];
  if (field === undefined) throw new CloudError("InvalidParameterValue", `The filter '${name}' is invalid`);
  const value = field(record);
  if (value === undefined) return [];
  return typeof value === "object" ? value.flatMap((one) => one ?? []) : [String(value)];
}

/** True if the record matches every filter; within a filter any value is enough. Throws InvalidParameterValue for a filter that is not known. */
export function matches<R>(
  record: R,
  filters: readonly Filter[] | undefined,
  fields: Fields<R>,
  tags: readonly Tag[],
): boolean {
  return (filters ?? []).every((filter) => {
    const wanted = filter.Values ?? [];
    if (wanted.length > FILTER_VALUES_MAX) {
      throw new CloudError("FilterLimitExceeded", `The maximum number of filter values is ${FILTER_VALUES_MAX}.`);
    }
    const have = valuesOf(filter.Name ?? "", record, fields, tags);
    return wanted.some((value) => have.some((one) => fits(value, one)));
  });
}
