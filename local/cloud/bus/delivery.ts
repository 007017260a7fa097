import type { Timer } from "../clock.ts";
import { CloudError } from "../errors.ts";
import type { World } from "../service.ts";
import type { MessageAttributes } from "../services/sqs/message.ts";
import type { Rule, Target } from "./rule.ts";
import { targetInput } from "./target-input.ts";

/** Deliveries that have not ended: a storm of events must not take the memory of the whole farm. */
const PENDING_MAX = 10_000;

/** AWS documents "exponential backoff and jitter" without numbers. */
const RETRY_DELAY_MS_MIN = 1000;
const RETRY_DELAY_MS_MAX = 600_000;

export interface DeliverySources {
  /** Accepts an asynchronous invocation; `origin` names the rule. */
  invokeFunction(functionArn: string, payload: unknown, origin: string): Promise<void>;
  /** `origin` names the rule. */
  sendMessage(queueArn: string, body: string, attributes: MessageAttributes | undefined, origin: string): Promise<void>;
}

export interface Deliveries {
  /** Brings an event to one target of a rule: at least once, with its retry policy and dead letter queue. */
  start(rule: Rule, target: Target, event: unknown): void;
  close(): void;
}

interface Delivery {
  readonly rule: Rule;
  readonly target: Target;
  readonly event: unknown;
  readonly startedAt: number;
  retries: number;
}

export function openDeliveries(world: World, sources: DeliverySources): Deliveries {
  const timers = new Map<Delivery, Timer | undefined>();
  let closed = false;

  const later = (delivery: Delivery, ms: number): void => {
    if (!closed)
      timers.set(
        delivery,
        world.clock.after(ms, () => void attempt(delivery)),
      );
  };

  const attempt = async (delivery: Delivery): Promise<void> => {
    try {
      await hand(world, sources, delivery);
      timers.delete(delivery);
    } catch (error) {
      await failed(delivery, error);
    }
  };

  const failed = async (delivery: Delivery, error: unknown): Promise<void> => {
    const { retry } = delivery.target;
    const delay = backoff(world, delivery.retries);
    const ageMs = world.clock.now() + delay - delivery.startedAt;
    const exhausted = !isRetriable(error)
      ? "NonRetryable"
      : delivery.retries >= retry.attemptsMax
        ? "MaximumRetryAttempts"
        : ageMs > retry.ageSecondsMax * 1000
          ? "MaximumEventAgeInSeconds"
          : undefined;
    if (exhausted === undefined) {
      delivery.retries += 1;
      later(delivery, delay);
      return;
    }
    timers.delete(delivery);
    await bury(world, sources, delivery, error, exhausted);
  };

  return {
    start(rule, target, event) {
      if (timers.size >= PENDING_MAX)
        world.note(`events: ${PENDING_MAX} deliveries are pending, one for ${target.arn} is dropped`);
      else later({ rule, target, event, startedAt: world.clock.now(), retries: 0 }, 0);
    },
    close() {
      closed = true;
      for (const timer of timers.values()) timer?.cancel();
      timers.clear();
    },
  };
}

async function hand(world: World, sources: DeliverySources, { rule, target, event }: Delivery): Promise<void> {
  const ingestedAt = new Date(world.clock.now()).toISOString();
  const input = targetInput(target.input, event, { ruleArn: rule.arn, ruleName: rule.name, ingestedAt });
  if (target.arn.startsWith("arn:aws:lambda:")) await sources.invokeFunction(target.arn, input, rule.arn);
  else
    await sources.sendMessage(
      target.arn,
      typeof input === "string" ? input : JSON.stringify(input),
      undefined,
      rule.arn,
    );
}

/** A target that is gone or refuses the event gets no retry; what may pass (throttling, a fault of the service) does. */
const isRetriable = (error: unknown): boolean =>
  !(error instanceof CloudError) || error.status === 429 || error.status >= 500;

function backoff(world: World, retries: number): number {
  const jitter = 0.5 + Number.parseInt(world.ids.hex(2), 16) / 510;
  return Math.round(Math.min(RETRY_DELAY_MS_MIN * 2 ** retries, RETRY_DELAY_MS_MAX) * jitter);
}

const text = (value: string): { DataType: string; StringValue: string } => ({
  DataType: "String",
  StringValue: value,
});

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html: the event as it was, and why in attributes. */
async function bury(
  world: World,
  sources: DeliverySources,
  delivery: Delivery,
  error: unknown,
  condition: string,
): Promise<void> {
  const { rule, target, event, retries } = delivery;
  const [code, message] = error instanceof CloudError ? [error.code, error.message] : ["INTERNAL_ERROR", String(error)];
  const lost = `events: an event of rule ${rule.name} for ${target.arn} is lost after ${retries} retries: ${code}: ${message}`;
  if (target.deadLetterArn === undefined) {
    world.note(lost);
    return;
  }
  const attributes = {
    RULE_ARN: text(rule.arn),
    TARGET_ARN: text(target.arn),
    ERROR_CODE: text(code),
    ERROR_MESSAGE: text(message),
    RETRY_ATTEMPTS: text(String(retries)),
    ...(condition === "NonRetryable" ? {} : { EXHAUSTED_RETRY_CONDITION: text(condition) }),
  };
  await sources
    .sendMessage(target.deadLetterArn, JSON.stringify(event), attributes, rule.arn)
    .catch((reason: unknown) => world.note(`${lost}; its dead letter queue refused it: ${String(reason)}`));
}
