import { Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * The wait that the load's pages carry: a node's capacity is its php-fpm workers, and a machine with two cores could not
 * show more of them by burning CPU. Every report says so.
 */
export const DECLARED_WAIT_MS = 250;
/** What a page costs beside the declared wait, on the machine the farm was measured on. */
const RENDER_MS = 50;
/** A visitor gives up after this long; the balancer's idle timeout is shorter. */
const REQUEST_TIMEOUT_MS = 65_000;

export interface LoadReport {
  readonly sent: number;
  readonly ok: number;
  readonly non2xx: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly byNode: Readonly<Record<string, number>>;
  /** When each node answered its first page, ISO-8601. */
  readonly firstAt: Readonly<Record<string, string>>;
  readonly declaredWaitMs: number;
  readonly requestsPerSecond: number;
}

/** Requests per second that so many workers serve when every page carries the declared wait. */
export const ratedRequestsPerSecond = (workers: number): number => (workers * 1000) / (DECLARED_WAIT_MS + RENDER_MS);

interface Tally {
  ok: number;
  non2xx: number;
  failed: number;
  readonly latenciesMs: number[];
  readonly byNode: Record<string, number>;
  readonly firstAt: Record<string, string>;
}

/** One page view; it never rejects: what went wrong is counted. */
function visit(url: URL, agent: Agent, tally: Tally): Promise<void> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const request = get(url, { agent, timeout: REQUEST_TIMEOUT_MS }, (response) => {
      const status = response.statusCode ?? 0;
      const node = response.headers["x-tandem-node"];
      response.resume();
      response.once("end", () => {
        if (status >= 200 && status < 300) tally.ok += 1;
        else tally.non2xx += 1;
        tally.latenciesMs.push(performance.now() - startedAt);
        if (typeof node === "string") {
          tally.byNode[node] = (tally.byNode[node] ?? 0) + 1;
          tally.firstAt[node] ??= new Date().toISOString();
        }
        resolve();
      });
      response.once("error", () => {
        tally.failed += 1;
        resolve();
      });
    });
    request.once("timeout", () => request.destroy(new Error("timed out")));
    request.once("error", () => {
      tally.failed += 1;
      resolve();
    });
  });
}

/**
 * Open-loop load: requests start at a fixed rate whatever the answers take, as visitors do, so a slow farm shows as
 * latency and not as fewer requests. Resolves when the last answer is in.
 */
export async function runLoad(
  site: string,
  options: { requestsPerSecond: number; seconds: number; waitMs?: number; progress?: (line: string) => void },
): Promise<LoadReport> {
  const waitMs = options.waitMs ?? DECLARED_WAIT_MS;
  const url = new URL(waitMs === 0 ? "/" : `/?tandem-wait=${waitMs}`, site);
  const agent = new Agent({ keepAlive: true });
  const tally: Tally = { ok: 0, non2xx: 0, failed: 0, latenciesMs: [], byNode: {}, firstAt: {} };
  const total = Math.round(options.requestsPerSecond * options.seconds);
  const startedAt = performance.now();
  const open: Promise<void>[] = [];
  let nextReportMs = 10_000;
  for (let sent = 0; sent < total; sent++) {
    const dueMs = (sent * 1000) / options.requestsPerSecond;
    const elapsedMs = performance.now() - startedAt;
    if (dueMs > elapsedMs) await sleep(dueMs - elapsedMs);
    open.push(visit(url, agent, tally));
    if (dueMs >= nextReportMs) {
      nextReportMs += 10_000;
      options.progress?.(
        `${Math.round(dueMs / 1000)} s: ${sent + 1} sent, ${tally.ok} ok, ${tally.non2xx} not 2xx, ${tally.failed} failed, from ${Object.keys(tally.byNode).length} nodes`,
      );
    }
  }
  await Promise.all(open);
  agent.destroy();
  return report(tally, total, { waitMs, requestsPerSecond: options.requestsPerSecond });
}

function report(tally: Tally, sent: number, load: { waitMs: number; requestsPerSecond: number }): LoadReport {
  const sorted = tally.latenciesMs.toSorted((a, b) => a - b);
  const percentile = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return {
    sent,
    ok: tally.ok,
    non2xx: tally.non2xx,
    failed: tally.failed,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
    byNode: tally.byNode,
    firstAt: tally.firstAt,
    declaredWaitMs: load.waitMs,
    requestsPerSecond: Math.round(load.requestsPerSecond * 10) / 10,
  };
}
