import { setTimeout as sleep } from "node:timers/promises";

/** Asks for a page all the time, as visitors who come again. */
export function watchPages(site: string) {
  const ended = new AbortController();
  let [sent, lost, silenceMs, answeredAt] = [0, 0, 0, Date.now()];
  const ask = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      sent++;
      const page = await fetch(site, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
      await page?.text().catch(() => undefined);
      const now = Date.now();
      if (page?.status === 200) {
        silenceMs = Math.max(silenceMs, now - answeredAt);
        answeredAt = now;
      } else lost++;
      await sleep(100);
    }
  };
  // Two, so that one that waits for a dead node does not count as silence.
  const asking = Promise.all([ask(), ask()]);
  return {
    async stop() {
      ended.abort();
      await asking;
      return { sent, lost, silenceMs };
    },
  };
}
