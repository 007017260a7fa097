import { fromAttributes } from "../../lib/aws/attributes.ts";
import type { Item } from "../../lib/aws/table.ts";
import { isoTime } from "../../lib/clock.ts";
import type { JournalLine } from "../../lib/reconcile/journal.ts";
import type { SimulatedWorld } from "./world.ts";

const DAY_MS = 86_400_000;

/** The journal's lines among the items of the state table, oldest first. */
export async function journalOf(items: Iterable<Item> | AsyncIterable<Item>): Promise<readonly JournalLine[]> {
  const lines: [string, JournalLine][] = [];
  for await (const { pk, sk, expires: _, ...line } of items) {
    // only openJournal writes these items; lib's own tests read them back through its schema
    if (pk.startsWith("journal#")) lines.push([sk, line as unknown as JournalLine]);
  }
  return lines.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line);
}

/** The journal's items in DynamoDB, from its first day on. */
export async function* storedJournal(
  ask: SimulatedWorld["ask"],
  table: string,
  from: number,
  to: number,
): AsyncIterable<Item> {
  for (let day = from; day < to + DAY_MS; day += DAY_MS) {
    let start: unknown;
    do {
      const page = await ask("dynamodb", "Query", {
        TableName: table,
        KeyConditionExpression: "pk = :pk",
        ExpressionAttributeValues: { ":pk": { S: `journal#${isoTime(day).slice(0, 10)}` } },
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      });
      for (const item of Array.isArray(page["Items"]) ? page["Items"] : []) yield fromAttributes(item);
      start = page["LastEvaluatedKey"];
    } while (start !== undefined);
  }
}
