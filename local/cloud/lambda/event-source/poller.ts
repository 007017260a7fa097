import type { Message } from "@aws-sdk/client-sqs";
import type { Timer } from "../../clock.ts";
import type { World } from "../../service.ts";
import { isThrottle, type InvocationResult } from "../invocation.ts";
import type { Mapping, QueueAccess } from "./mapping.ts";
import { doneWith, eventOf } from "./records.ts";

/** SQS gives and takes at most ten messages in one call. */
const MESSAGES_PER_CALL = 10;
/** "Lambda starts processing five batches at a time"; without MaximumConcurrency AWS would then add more by the minute. */
const BATCHES_AT_ONCE = 5;
/** After a poll that was refused; only a changed role or queue can help. */
const AFTER_REFUSAL_MS = 60_000;

export interface PollerParts {
  readonly queues: QueueAccess;
  /** The role of the function that the mapping leads to now. Throws when the function is gone. */
  roleOf(functionArn: string): string;
  run(functionArn: string, requestId: string, payload: string): Promise<InvocationResult>;
}

/**
 * Takes messages as they become visible and gives them to the function. An empty queue costs nothing: the poller waits
 * for the queue to change, and makes no call before something can be received.
 */
export function startPolling(world: World, parts: PollerParts, mapping: Mapping): () => void {
  const { queues } = parts;
  let [stopped, gathering, atWork] = [false, false, 0];
  let timer: Timer | undefined;
  let refusedUntil = 0;

  const look = (): void => {
    timer?.cancel();
    if (stopped || gathering || atWork >= (mapping.settings.concurrencyMax ?? BATCHES_AT_ONCE)) return;
    const visibleAt = queues.visibleAt(mapping.queueArn);
    if (visibleAt === undefined) return;
    const now = world.clock.now();
    const due = Math.max(visibleAt, refusedUntil);
    if (due > now) {
      timer = world.clock.after(due - now, look);
      return;
    }
    gathering = true;
    void takeBatch().finally(() => {
      gathering = false;
      look();
    });
  };

  const takeBatch = async (): Promise<void> => {
    try {
      const role = parts.roleOf(mapping.settings.functionArn);
      const batch = await gather(world, queues, mapping, role, () => stopped);
      if (batch.length === 0) return;
      atWork += 1;
      void process(world, parts, mapping, role, batch).finally(() => {
        atWork -= 1;
        look();
      });
    } catch (error) {
      refusedUntil = world.clock.now() + AFTER_REFUSAL_MS;
      tell(world, mapping, `PROBLEM: ${error instanceof Error ? error.message : String(error)}`);
    }
  };

  /** Not within the call that sent a message or made the mapping: that is answered first. */
  const lookSoon = (): void => {
    timer?.cancel();
    timer = world.clock.after(0, look);
  };
  const unwatch = queues.onChange(mapping.queueArn, lookSoon);
  lookSoon();
  return () => {
    stopped = true;
    timer?.cancel();
    unwatch();
  };
}

function tell(world: World, mapping: Mapping, result: string): void {
  if (result !== mapping.lastResult && result.startsWith("PROBLEM"))
    world.note(`lambda: event source mapping ${mapping.id} of ${mapping.queueArn}: ${result}`);
  mapping.lastResult = result;
}

/** A full batch, or what has come when the batching window ends; without a window, what one receive gives. */
async function gather(
  world: World,
  queues: QueueAccess,
  mapping: Mapping,
  role: string,
  isStopped: () => boolean,
): Promise<Message[]> {
  const { batchSize, windowSeconds } = mapping.settings;
  const until = world.clock.now() + windowSeconds * 1000;
  const batch: Message[] = [];
  do {
    const answer = await queues.call(role, "ReceiveMessage", {
      QueueUrl: queues.urlOf(mapping.queueArn),
      MaxNumberOfMessages: Math.min(MESSAGES_PER_CALL, batchSize - batch.length),
      WaitTimeSeconds: 0,
      MessageSystemAttributeNames: ["All"],
      MessageAttributeNames: ["All"],
    });
    const messages: readonly Message[] = Array.isArray(answer["Messages"]) ? answer["Messages"] : [];
    batch.push(...messages);
    if (batch.length >= batchSize || world.clock.now() >= until || isStopped()) return batch;
    await untilVisible(world, queues, mapping.queueArn, until);
  } while (world.clock.now() < until && !isStopped());
  return batch;
}

/** Resolves when a message can be received, or at `until`. */
async function untilVisible(world: World, queues: QueueAccess, queueArn: string, until: number): Promise<void> {
  for (;;) {
    const now = world.clock.now();
    const at = Math.min(queues.visibleAt(queueArn) ?? until, until);
    if (at <= now) return;
    const changed = Promise.withResolvers<void>();
    const unwatch = queues.onChange(queueArn, changed.resolve);
    const timer = world.clock.after(at - now, changed.resolve);
    await changed.promise;
    timer.cancel();
    unwatch();
  }
}

/** What the function has not done with stays hidden until its visibility timeout ends, and is then given again. */
async function process(
  world: World,
  parts: PollerParts,
  mapping: Mapping,
  role: string,
  batch: readonly Message[],
): Promise<void> {
  const { functionArn, reportsItemFailures } = mapping.settings;
  const ids = batch.flatMap((message) => message.MessageId ?? []);
  try {
    const payload = JSON.stringify(eventOf(world, mapping.queueArn, batch));
    const result = await parts.run(functionArn, world.ids.uuid(), payload);
    const done = doneWith(result, ids, reportsItemFailures);
    await remove(
      parts.queues,
      mapping.queueArn,
      role,
      batch.filter(({ MessageId: id = "" }) => done.includes(id)),
    );
    tell(
      world,
      mapping,
      done.length === ids.length
        ? "OK"
        : `PROBLEM: Function call failed for ${ids.length - done.length} of ${ids.length} messages`,
    );
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    tell(world, mapping, `PROBLEM: ${isThrottle(error) ? "Function call was throttled" : why}`);
  }
}

async function remove(
  queues: QueueAccess,
  queueArn: string,
  role: string,
  messages: readonly Message[],
): Promise<void> {
  for (let first = 0; first < messages.length; first += MESSAGES_PER_CALL)
    await queues.call(role, "DeleteMessageBatch", {
      QueueUrl: queues.urlOf(queueArn),
      Entries: messages
        .slice(first, first + MESSAGES_PER_CALL)
        .map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
    });
}
