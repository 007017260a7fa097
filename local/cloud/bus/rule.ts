import type { Timer } from "../clock.ts";
import type { Match } from "./pattern.ts";
import type { Schedule } from "./schedule.ts";
import type { InputSettings } from "./target-input.ts";

export interface RetryPolicy {
  readonly attemptsMax: number;
  readonly ageSecondsMax: number;
}

export interface Target {
  readonly id: string;
  readonly arn: string;
  readonly input: InputSettings;
  readonly retry: RetryPolicy;
  readonly deadLetterArn: string | undefined;
  /** As it was put, to be shown again. */
  readonly given: Readonly<Record<string, unknown>>;
}

export interface Rule {
  readonly name: string;
  readonly arn: string;
  readonly pattern: { readonly text: string; readonly match: Match } | undefined;
  readonly schedule: { readonly text: string; readonly next: Schedule } | undefined;
  readonly description: string | undefined;
  readonly roleArn: string | undefined;
  readonly targets: Map<string, Target>;
  enabled: boolean;
  tags: Record<string, string>;
  timer: Timer | undefined;
}

/** An event as targets see it. */
export interface Envelope {
  readonly version: string;
  readonly id: string;
  readonly "detail-type": string;
  readonly source: string;
  readonly account: string;
  /** ISO-8601 in whole seconds. */
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: unknown;
}
