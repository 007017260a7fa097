import * as z from "zod";

/** One value that a log line publishes. */
export interface EmbeddedMetric {
  readonly namespace: string;
  readonly name: string;
  readonly unit: string;
  readonly dimensions: Record<string, string>;
  readonly value: number;
}

const directive = z.object({
  Namespace: z.string(),
  Dimensions: z.array(z.array(z.string())).default([[]]),
  Metrics: z.array(z.object({ Name: z.string(), Unit: z.string().default("None") })),
});
const schema = z.looseObject({ _aws: z.object({ CloudWatchMetrics: z.array(directive) }) });

/**
 * The metrics in a log line of the embedded metric format; none in any other line, and none that is not as the format says.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function embeddedMetrics(message: string): readonly EmbeddedMetric[] {
  if (!message.includes('"CloudWatchMetrics"')) return [];
  const read = schema.safeParse(parsed(message));
  if (!read.success) return [];
  const line: Record<string, unknown> = read.data;
  return read.data._aws.CloudWatchMetrics.flatMap(({ Namespace: namespace, Dimensions, Metrics }) =>
    Dimensions.flatMap((names) =>
      Metrics.flatMap(({ Name: name, Unit: unit }) => {
        const dimensions = Object.fromEntries(names.map((each) => [each, String(line[each])]));
        return numbers(line[name]).map((value) => ({ namespace, name, unit, dimensions, value }));
      }),
    ),
  );
}

const numbers = (value: unknown): number[] =>
  (Array.isArray(value) ? value : [value]).filter((each): each is number => typeof each === "number");

function parsed(message: string): unknown {
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
}
