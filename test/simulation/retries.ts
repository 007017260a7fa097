import type { RetryErrorInfo, RetryStrategyV2, RetryToken } from "@smithy/types";
import type { Chance } from "./chance.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** As the SDK's standard mode: three attempts, full jitter on 50 ms doubled, on 1 s for a throttled call, 20 s at most. */
export const ATTEMPTS_MAX = 3;
const BACKOFF_MS_MAX = 20_000;
const BASE_MS = 50;
const THROTTLED_BASE_MS = 1_000;

const backoffMs = (chance: Chance, isThrottled: boolean, attempt: number): number =>
  Math.floor(chance.fraction() * Math.min(BACKOFF_MS_MAX, (isThrottled ? THROTTLED_BASE_MS : BASE_MS) * 2 ** attempt));

/** The SDK's retries on virtual time. */
export function retryStrategy(clock: VirtualClock, chance: Chance): RetryStrategyV2 {
  const token = (count: number): RetryToken => ({ getRetryCount: () => count, getRetryDelay: () => 0 });
  return {
    acquireInitialRetryToken: async () => token(0),
    async refreshRetryTokenForRetry(last: RetryToken, { errorType }: RetryErrorInfo) {
      const done = last.getRetryCount();
      if (errorType === "CLIENT_ERROR" || done + 1 >= ATTEMPTS_MAX) throw new Error("no further attempt");
      await clock.sleep(backoffMs(chance, errorType === "THROTTLING", done));
      return token(done + 1);
    },
    recordSuccess: () => undefined,
  };
}

/** The same for a call that is not the SDK's. `kindOf` judges an error; undefined: it is final. */
export async function withRetries<T>(
  clock: VirtualClock,
  chance: Chance,
  kindOf: (error: unknown) => "throttled" | "transient" | undefined,
  call: () => Promise<T>,
  attempts = ATTEMPTS_MAX,
): Promise<T> {
  for (let done = 0; ; done++) {
    try {
      return await call();
    } catch (error) {
      const kind = kindOf(error);
      if (kind === undefined || done + 1 >= attempts) throw error;
      await clock.sleep(backoffMs(chance, kind === "throttled", done));
    }
  }
}
