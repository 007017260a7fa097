import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import { counts, NUMBERS, type Queue, type Redrive } from "./queue.ts";

/** Kept as given. The policy is asked when a service of the cloud sends; the rest has no effect: nothing is encrypted. */
const KEPT = new Set([
  "Policy",
  "KmsMasterKeyId",
  "KmsDataKeyReusePeriodSeconds",
  "SqsManagedSseEnabled",
  "RedriveAllowPolicy",
]);

const isNumber = (name: string): name is keyof typeof NUMBERS => Object.hasOwn(NUMBERS, name);

/** Lays attributes over a queue's. Throws InvalidAttributeName and InvalidAttributeValue that name what is wrong. */
export function applyAttributes(queue: Queue, given: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(given)) {
    if (isNumber(name)) queue.settings[name] = numberOf(name, value);
    else if (name === "RedrivePolicy") queue.redrive = value === "" ? undefined : redriveOf(value);
    else if (KEPT.has(name)) queue.kept[name] = value;
    else throw new CloudError("InvalidAttributeName", `Unknown Attribute ${name}.`);
  }
}

function numberOf(name: keyof typeof NUMBERS, value: string): number {
  const { min, max } = NUMBERS[name];
  const number = Number(value);
  if (Number.isInteger(number) && number >= min && number <= max) return number;
  throw new CloudError(
    "InvalidAttributeValue",
    `Invalid value for the parameter ${name}: ${value} is not between ${min} and ${max}.`,
  );
}

function redriveOf(value: string): Redrive {
  const wrong = (why: string): CloudError =>
    new CloudError("InvalidAttributeValue", `Value ${value} for parameter RedrivePolicy is invalid. Reason: ${why}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    throw wrong("not JSON.");
  }
  const policy: Record<string, unknown> = Object(parsed);
  const { deadLetterTargetArn, maxReceiveCount } = policy;
  const count = Number(maxReceiveCount);
  if (typeof deadLetterTargetArn !== "string") throw wrong("deadLetterTargetArn is missing.");
  if (!Number.isInteger(count) || count < 1 || count > 1000) throw wrong("maxReceiveCount must be between 1 and 1000.");
  return { deadLetterTargetArn, maxReceiveCount: count };
}

/** The attributes that were asked for (`All` for every one), as AWS writes them: strings, times in epoch seconds. */
export function shownAttributes(world: World, queue: Queue, names: readonly string[]): Record<string, string> {
  const { visible, inFlight, delayed } = counts(world, queue);
  const all: Record<string, string> = {
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
    CreatedTimestamp: String(Math.floor(queue.createdAt / 1000)),
    LastModifiedTimestamp: String(Math.floor(queue.modifiedAt / 1000)),
    QueueArn: queue.arn,
    ...Object.fromEntries(Object.entries(queue.settings).map(([name, value]) => [name, String(value)])),
    ...queue.kept,
    ...(queue.redrive === undefined ? {} : { RedrivePolicy: JSON.stringify(queue.redrive) }),
  };
  if (names.includes("All")) return all;
  return Object.fromEntries(names.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]])));
}
