import * as z from "zod/mini";
import { snsInSqs, snsRecord, sqsRecord } from "./schemas.ts";
import { badEvent } from "./trigger.ts";

/** The largest message that SNS and SQS carry is 1 MiB; a larger text came from elsewhere and is not parsed. */
const MESSAGE_CHARACTERS_MAX = 1_048_576;
/** A batch of SQS without a window has at most 10 records, of SNS always one. */
const RECORDS_MAX = 100;

const batch = z.object({ Records: z.array(z.unknown()) });

/**
 * The events inside an event: itself, or what SNS or SQS have wrapped. Each is read when it is called for, so that
 * one broken record does not hide the others; reading throws TandemError `bad-event`.
 */
export function unwrap(event: unknown): readonly (() => unknown)[] {
  const wrapped = batch.safeParse(event);
  if (!wrapped.success) return [() => event];
  const records = wrapped.data.Records;
  if (records.length > RECORDS_MAX)
    return [() => reject(`Records has ${records.length} entries, allowed are ${RECORDS_MAX}`)];
  if (records.length === 0) return [() => reject("Records is empty")];
  return records.map((record, index) => () => unwrapRecord(record, `Records.${index}`));
}

function unwrapRecord(record: unknown, at: string): unknown {
  const sns = snsRecord.safeParse(record);
  if (sns.success) return parseJson(sns.data.Sns.Message, `${at}.Sns.Message`);
  const sqs = sqsRecord.safeParse(record);
  if (!sqs.success) return reject(`${at} has neither Sns.Message nor body of type string`);
  const body = parseJson(sqs.data.body, `${at}.body`);
  const inner = snsInSqs.safeParse(body);
  return inner.success ? parseJson(inner.data.Message, `${at}.body.Message`) : body;
}

function parseJson(text: string, at: string): unknown {
  if (text.length > MESSAGE_CHARACTERS_MAX)
    return reject(`${at} has ${text.length} characters, allowed are ${MESSAGE_CHARACTERS_MAX}`);
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (error) {
    return reject(`${at} is not JSON: ${error instanceof Error ? error.message.slice(0, 120) : String(error)}`);
  }
}

function reject(what: string): never {
  throw badEvent(what);
}
