import type { Message } from "@aws-sdk/client-sqs";
import type { World } from "../../service.ts";
import type { InvocationResult } from "../invocation.ts";

/** The event that a function gets: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
export const eventOf = (world: World, queueArn: string, messages: readonly Message[]): unknown => ({
  Records: messages.map((message) => ({
    messageId: message.MessageId,
    receiptHandle: message.ReceiptHandle,
    body: message.Body,
    attributes: message.Attributes ?? {},
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, { DataType, StringValue, BinaryValue }]) => [
        name,
        {
          ...(StringValue === undefined ? {} : { stringValue: StringValue }),
          ...(BinaryValue === undefined ? {} : { binaryValue: Buffer.from(BinaryValue).toString("base64") }),
          stringListValues: [],
          binaryListValues: [],
          dataType: DataType,
        },
      ]),
    ),
    md5OfBody: message.MD5OfBody,
    ...(message.MD5OfMessageAttributes === undefined ? {} : { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
    eventSource: "aws:sqs",
    eventSourceARN: queueArn,
    awsRegion: world.region,
  })),
});

/**
 * Which messages the function has done with. Without ReportBatchItemFailures all or none. With it, those that the answer
 * does not name; an answer that names one without an id, or in another form, counts as a failure of the whole batch.
 */
export function doneWith(result: InvocationResult, ids: readonly string[], reportsItemFailures: boolean): string[] {
  if (result.failed) return [];
  if (!reportsItemFailures) return [...ids];
  const failures = failuresIn(result.payload);
  return failures === undefined ? [] : ids.filter((id) => !failures.includes(id));
}

function failuresIn(payload: string): readonly string[] | undefined {
  const answer: unknown = JSON.parse(payload);
  if (answer === null) return [];
  if (typeof answer !== "object") return undefined;
  const list: unknown = Reflect.get(answer, "batchItemFailures");
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) return undefined;
  const ids = list.flatMap((item: unknown) => {
    const id: unknown = typeof item === "object" && item !== null ? Reflect.get(item, "itemIdentifier") : undefined;
    return typeof id === "string" && id !== "" ? [id] : [];
  });
  return ids.length === list.length ? ids : undefined;
}
