import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { Cloud } from "../cloud/cloud.ts";
import type { Active, Fault } from "../cloud/faults/index.ts";
import { isoTime } from "../../lib/clock.ts";
import { probe, SERVICES } from "./probe.ts";

/** Enough for a fault that strikes one call in a hundred to be seen with certainty (0.99^1000 is 4 in 100,000). */
const PROBES_MAX = 1_000;
/** A probe that is not answered by then has been struck by a timeout. */
const ANSWERED_MS = 50;

/** A day; what should be broken for longer is no fault but a different farm. */
const FOR_SECONDS_MAX = 86_400;
const RATE_WORDS = "the rate is a number above 0 up to 1";

const common = {
  rate: z.number().gt(0, RATE_WORDS).lte(1, RATE_WORDS),
  forSeconds: z.number().gt(0).max(FOR_SECONDS_MAX, "a fault lasts a day at most"),
  seed: z.optional(z.int().min(0).max(0xffffffff)),
};
const seconds = z.number().gt(0).max(FOR_SECONDS_MAX);

/** What `tandem fault api` and `tandem fault events` send. */
export const cloudFaultSchemas = [
  z.object({
    ...common,
    kind: z.literal("api"),
    what: z.enum(["throttle", "error", "timeout", "stale"]),
    service: z.optional(z.enum(SERVICES)),
    operation: z.optional(z.string().regex(/^[A-Z][A-Za-z0-9]{2,80}$/, "an operation such as DescribeInstances")),
    afterSeconds: z.optional(seconds),
  }),
  z.object({
    ...common,
    kind: z.literal("events"),
    what: z.enum(["drop", "duplicate", "delay", "reorder"]),
    lateSeconds: seconds,
  }),
] as const;
type CloudFaultWish = z.infer<(typeof cloudFaultSchemas)[number]>;

/** A replica that lags by more than this is not what AWS means by "eventually". */
const STALE_SECONDS_DEFAULT = 5;

function faultOf(wish: CloudFaultWish): Fault {
  const { rate, seed } = wish;
  const base = { rate, forMs: wish.forSeconds * 1000, ...(seed === undefined ? {} : { seed }) };
  if (wish.kind === "events") return { ...base, on: "events", kind: wish.what, lateMs: wish.lateSeconds * 1000 };
  const { service, operation, afterSeconds } = wish;
  const api = {
    ...base,
    on: "api" as const,
    ...(service === undefined ? {} : { service }),
    ...(operation === undefined ? {} : { operation }),
  };
  switch (wish.what) {
    case "stale":
      return { ...api, kind: "stale", staleMs: (afterSeconds ?? STALE_SECONDS_DEFAULT) * 1000 };
    case "timeout":
      return { ...api, kind: "timeout", ...(afterSeconds === undefined ? {} : { answerAfterMs: afterSeconds * 1000 }) };
    default:
      return { ...api, kind: wish.what };
  }
}

/**
 * Puts the fault in force and watches it strike: a harmless read of the service, or an event that no rule matches, is
 * sent until one is struck. Nothing is sent for one operation (it may change something) and for stale reads (they need a
 * change first): these are in force, and have struck nothing yet. Throws RangeError for a fault that makes no sense.
 */
export async function injectCloudFault(
  cloud: Cloud,
  accessKeyId: string,
  wish: CloudFaultWish,
): Promise<Record<string, unknown>> {
  const active = cloud.faults.inject(faultOf(wish));
  if (wish.kind === "events") probeEvents(cloud, active);
  else if (wish.what !== "stale" && wish.operation === undefined)
    await probeCalls(cloud, accessKeyId, wish.service ?? "sts", active);
  const { id, seed, until, struck } = active;
  return { id, kind: `${wish.kind} ${wish.what}`, seed, until: isoTime(until), struck };
}

function probeEvents(cloud: Cloud, active: Active): void {
  for (let sent = 0; active.struck === 0 && sent < PROBES_MAX; sent++)
    cloud.bus.emit({ source: "tandem.fault", detailType: "Probe", detail: {} });
}

async function probeCalls(
  cloud: Cloud,
  accessKeyId: string,
  service: Parameters<typeof probe>[2],
  active: Active,
): Promise<void> {
  for (let sent = 0; active.struck === 0 && sent < PROBES_MAX; sent++)
    await Promise.race([probe(cloud, accessKeyId, service), sleep(ANSWERED_MS)]);
}
