import { PutEventsCommand, type EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { TandemError } from "../errors.ts";
import type { JournalLine } from "../reconcile/journal.ts";
import { callAws } from "./errors.ts";

/** Rules that want to hear what Tandem does match on these two. */
const SOURCE = "tandem";
const DETAIL_TYPE = "Tandem Journal";

/** Puts one journal line on the default event bus. Throws TandemError, also if the bus took the call and not the event. */
export async function publishLine(client: EventBridgeClient, line: JournalLine): Promise<void> {
  const entry = { Source: SOURCE, DetailType: DETAIL_TYPE, Detail: JSON.stringify(line) };
  const answer = await callAws("put a journal line on the bus", () =>
    client.send(new PutEventsCommand({ Entries: [entry] })),
  );
  const [failed] = (answer.FailedEntryCount ?? 0) > 0 ? (answer.Entries ?? []) : [];
  if (failed === undefined) return;
  throw new TandemError("aws-failed", `the bus refused a journal line: ${failed.ErrorCode}: ${failed.ErrorMessage}`, {
    next: "nothing: the line is in the journal",
  });
}
