import { FromStringShapeDeserializer, ToStringShapeSerializer } from "@smithy/core/protocols";
import type { NormalizedSchema } from "@smithy/core/schema";
import type { CodecSettings } from "@smithy/types";
import { CloudError } from "../errors.ts";

/** Sentinels of `@smithy/types`: how a timestamp is written where its schema does not say. */
export const DATE_TIME = 5;
export const EPOCH_SECONDS = 7;

const settings: CodecSettings & { httpBindings: boolean } = {
  timestampFormat: { useTrait: true, default: DATE_TIME },
  httpBindings: true,
};

/** What a wrong value leads to, in the words of AWS's own serialisation errors. */
const malformed = (schema: NormalizedSchema, what: string): CloudError =>
  new CloudError("MalformedInput", `${schema.isMemberSchema() ? schema.getMemberName() : "value"}: ${what}`);

/** A number, boolean, timestamp, blob or string from its text in a form, a header, a query or a path. */
export function fromText(schema: NormalizedSchema, value: string): unknown {
  if (schema.isNumericSchema() && (value.trim() === "" || Number.isNaN(Number(value))) && value !== "NaN")
    throw malformed(schema, `${JSON.stringify(value)} is not a number`);
  if (schema.isBooleanSchema() && !/^(true|false)$/i.test(value))
    throw malformed(schema, `${JSON.stringify(value)} is neither true nor false`);
  // clients may send epoch seconds where a date is usual
  if (schema.isTimestampSchema() && /^\d+(\.\d+)?$/.test(value)) return new Date(Number(value) * 1000);
  try {
    return new FromStringShapeDeserializer(settings).read(schema, value);
  } catch (cause) {
    throw malformed(schema, cause instanceof Error ? cause.message : "cannot be read");
  }
}

/** The text of a value in a header. */
export function toText(schema: NormalizedSchema, value: unknown): string {
  const serializer = new ToStringShapeSerializer(settings);
  serializer.write(schema, value);
  return serializer.flush();
}
