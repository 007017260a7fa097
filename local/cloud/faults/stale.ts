import type { CloudClock } from "../clock.ts";
import type { ServiceId } from "../service.ts";
import type { Members } from "../wire/index.ts";

/** Answers that are remembered at most; the oldest is forgotten first. */
const REMEMBERED_MAX = 1_000;

/** What can be late: reads of a service's own catalogue. Reads by key of S3 and DynamoDB are consistent. */
export const canBeStale = (operation: string): boolean => /^(Describe|List)/.test(operation);

const READS =
  /^(Describe|List|Get|Head|Query|Scan|BatchGet|Lookup|Test|Validate|Receive|Filter|Search|Preview|Simulate)/;

/** Whether what was read before may be out of date after the operation. */
export const changes = (operation: string): boolean => !READS.test(operation);

interface Remembered {
  readonly service: ServiceId;
  readonly output: Members;
  /** When the service first changed after this was read. */
  supersededAt?: number;
}

/** The answers of a service before it changed, as a replica that lags behind would still give them. */
export function openReplica(clock: CloudClock) {
  const answers = new Map<string, Remembered>();
  const keyOf = (service: ServiceId, operation: string, input: Members): string =>
    `${service}:${operation}:${JSON.stringify(input)}`;
  const isLate = (answer: Remembered, staleMs: number): boolean =>
    answer.supersededAt !== undefined && clock.now() < answer.supersededAt + staleMs;
  return {
    /** Undefined: the replica knows nothing else than the service itself. */
    late(service: ServiceId, operation: string, input: Members, staleMs: number): Members | undefined {
      const answer = answers.get(keyOf(service, operation, input));
      return answer !== undefined && isLate(answer, staleMs) ? structuredClone(answer.output) : undefined;
    },
    remember(service: ServiceId, operation: string, input: Members, output: Members, staleMs: number): void {
      const key = keyOf(service, operation, input);
      const before = answers.get(key);
      if (before !== undefined && isLate(before, staleMs)) return;
      answers.delete(key);
      // a service goes on changing its own objects: what was answered is kept as it was
      answers.set(key, { service, output: structuredClone(output) });
      for (const oldest of answers.keys()) {
        if (answers.size <= REMEMBERED_MAX) break;
        answers.delete(oldest);
      }
    },
    changed(service: ServiceId): void {
      for (const answer of answers.values()) if (answer.service === service) answer.supersededAt ??= clock.now();
    },
    forget: () => answers.clear(),
  };
}

export type Replica = ReturnType<typeof openReplica>;
