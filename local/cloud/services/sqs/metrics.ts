import type { World } from "../../service.ts";
import { counts, type Queue } from "./queue.ts";

/** SQS publishes its metrics every minute. */
const PERIOD_MS = 60_000;

/** Takes one value of a metric, as CloudWatch's `record` does. */
export type Record = (
  namespace: string,
  metricName: string,
  dimensions: { QueueName: string },
  value: number,
  unit: "Count",
) => void;

/** Publishes how many messages wait in each queue, on every full minute, until it is cancelled. */
export function publishCounts(world: World, queues: ReadonlyMap<string, Queue>, record: Record): { cancel(): void } {
  let timer: { cancel(): void };
  const publish = (): void => {
    for (const queue of queues.values()) {
      const { visible, inFlight, delayed } = counts(world, queue);
      const put = (name: string, value: number): void =>
        record("AWS/SQS", name, { QueueName: queue.name }, value, "Count");
      put("ApproximateNumberOfMessagesVisible", visible);
      put("ApproximateNumberOfMessagesNotVisible", inFlight);
      put("ApproximateNumberOfMessagesDelayed", delayed);
    }
    arm();
  };
  const arm = (): void => {
    timer = world.clock.after(PERIOD_MS - (world.clock.now() % PERIOD_MS), publish);
  };
  arm();
  return { cancel: () => timer.cancel() };
}
