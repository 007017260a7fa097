import type { Condition, Item, Key, Table } from "../../../lib/aws/table.ts";
import type { Value } from "../../../lib/aws/condition.ts";

/** A model of the state table: the same conditional single-item operations, each of them atomic. */
export interface MemoryTable extends Table {
  readonly items: ReadonlyMap<string, Item>;
}

const path = ({ pk, sk }: Key): string => `${pk}|${sk}`;

/** `turn` runs before and after each operation, so that a test can interleave its callers (and lose answers). */
export function memoryTable(turn: (name: string) => Promise<void> = async () => undefined): MemoryTable {
  const items = new Map<string, Item>();
  /** The same items by partition, so that asking for one costs nothing for the others: a journal has thousands. */
  const partitions = new Map<string, Map<string, Item>>();
  const keep = (item: Item): void => {
    items.set(path(item), item);
    const partition = partitions.get(item.pk) ?? new Map<string, Item>();
    partitions.set(item.pk, partition.set(item.sk, item));
  };
  const drop = (key: Key): void => {
    items.delete(path(key));
    partitions.get(key.pk)?.delete(key.sk);
  };
  const atomically = async <T>(name: string, act: () => T): Promise<T> => {
    await turn(`send ${name}`);
    const answer = act();
    await turn(`answer ${name}`);
    return answer;
  };
  return {
    items,
    get: (key) => atomically("get", () => items.get(path(key))),
    put: (item, condition) =>
      atomically("put", () => {
        if (!holds(items.get(path(item)), condition)) return false;
        keep(item);
        return true;
      }),
    update: (key, change, condition) =>
      atomically("update", () => {
        const old = items.get(path(key));
        if (!holds(old, condition)) return undefined;
        const next: Record<string, Value> = { ...old, ...change.set };
        for (const [name, by] of Object.entries(change.add ?? {})) next[name] = numberAt(old, name) + by;
        for (const name of change.remove ?? []) delete next[name];
        const item: Item = { ...next, ...key };
        keep(item);
        return item;
      }),
    delete: (key, condition) => atomically("delete", () => holds(items.get(path(key)), condition) && (drop(key), true)),
    query: (pk, { from, descending, limit, where }) =>
      atomically("query", () => {
        const found = [...(partitions.get(pk)?.values() ?? [])]
          .filter((item) => (from === undefined || item.sk >= from) && holds(item, where))
          .toSorted((a, b) => (a.sk < b.sk ? -1 : 1));
        return (descending === true ? found.toReversed() : found).slice(0, limit);
      }),
  };
}

const numberAt = (item: Item | undefined, name: string): number => {
  const value = item?.[name];
  return typeof value === "number" ? value : 0;
};

function holds(item: Item | undefined, condition: Condition | undefined): boolean {
  if (condition === undefined) return true;
  if ("parts" in condition)
    return condition.test === "and"
      ? condition.parts.every((part) => holds(item, part))
      : condition.parts.some((part) => holds(item, part));
  const value = item?.[condition.attribute];
  switch (condition.test) {
    case "absent":
      return value === undefined;
    case "present":
      return value !== undefined;
    case "=":
      return JSON.stringify(value) === JSON.stringify(condition.value);
    case "<":
      return value !== undefined && typeof value === typeof condition.value && value < condition.value;
    default:
      return value !== undefined && typeof value === typeof condition.value && value > condition.value;
  }
}
