import type { BalancerProxy } from "../../local/cloud/services/elbv2/proxy.ts";
import type { HealthProber } from "../../local/cloud/services/route53/index.ts";
import type { Machines, ModelMachine } from "./machines.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** How many visitors ask now, and how long a page keeps a worker. */
export interface Load {
  readonly perSecond: number;
  readonly serviceSeconds: number;
  /** Of the administration, which the second class serves where there is one. */
  readonly adminPerSecond: number;
}

/** What a web node publishes of one interval; names as infra/nodes/publish.sh. */
export type Metrics = Readonly<
  Record<"ArrivedRequests" | "CompletedRequests" | "BusyWorkers" | "Workers" | "QueuedRequests" | "Saturation", number>
>;

export interface Traffic {
  readonly proxy: BalancerProxy;
  /** Health checkers ask for the site, which answers while some node serves. */
  readonly healthProber: HealthProber;
  /** Starts the publishing of a web node that has booted, and returns what ends it. */
  publish(machine: ModelMachine): () => void;
  load: Load;
  /** Nobody publishes until then. */
  silentUntil: number;
  /** When metrics were last published, by any node. */
  publishedAt(): number;
}

export interface TrafficParts {
  readonly clock: VirtualClock;
  readonly machines: () => Machines;
  put(machine: ModelMachine, metrics: Metrics): Promise<void>;
}

const INTERVAL_SECONDS = 10;
/** A visitor who waits longer gives up, so a queue does not grow without end. */
const QUEUED_PER_WORKER_MAX = 50;
/** A target that is probed gets its share of the traffic; after this long without a probe it is none any more. */
const PROBED_MS_MAX = 8_000;

/** A quiet site: four requests a second, each for 50 ms, keep a fifth of a worker busy, and nobody administers it. */
const QUIET: Load = { perSecond: 4, serviceSeconds: 0.05, adminPerSecond: 0 };

/** Visitors and the balancer's probes, without a request of their own: rates in, metrics out. */
export function modelTraffic({ clock, machines, put }: TrafficParts): Traffic {
  const probed = new Map<string, number>();
  let publishedAt = 0;
  /** How many nodes of this class answer the balancer's probes. */
  const serving = (node: string): number =>
    [...probed].filter(([host, at]) => {
      const machine = machines().at(host);
      return clock.now() - at <= PROBED_MS_MAX && machine?.isUp() === true && machine.node === node;
    }).length;

  const traffic: Traffic = {
    load: QUIET,
    silentUntil: 0,
    publishedAt: () => publishedAt,
    healthProber: async () =>
      serving("web") > 0
        ? { healthy: true, reason: "Success: HTTP Status Code 200, OK" }
        : { healthy: false, reason: "Failure: HTTP Status Code 503, Service Unavailable" },
    proxy: {
      listen: async () => ({ close: async () => undefined }),
      async probe({ host }) {
        const machine = machines().at(host);
        if (machine?.isUp() !== true) return { failure: "connection" };
        probed.set(host, clock.now());
        return { status: 200 };
      },
      forget: (host) => void probed.delete(host),
    },
    publish(machine) {
      const workers = Number(/^export TANDEM_PHP_WORKERS='(\d+)'/m.exec(machine.spec.userData)?.[1] ?? 1);
      let queued = 0;
      const interval = (): void => {
        timer = clock.after(INTERVAL_SECONDS * 1000, interval);
        const { perSecond, adminPerSecond, serviceSeconds } = traffic.load;
        const asked = machine.node === "web" ? perSecond : adminPerSecond;
        const inTraffic = probed.has(machine.address) ? 1 / Math.max(1, serving(machine.node)) : 0;
        const arrived = Math.round(asked * INTERVAL_SECONDS * inTraffic);
        const room = Math.floor((workers * INTERVAL_SECONDS) / serviceSeconds);
        const completed = Math.min(queued + arrived, room);
        queued = Math.min(queued + arrived - completed, workers * QUEUED_PER_WORKER_MAX);
        const busy = Math.min(workers, (completed * serviceSeconds) / INTERVAL_SECONDS);
        if (clock.now() < traffic.silentUntil) return;
        // infra/nodes/publish.sh: a node on its way into the warm pool, or on standby, tells nothing
        if (/^(Warmed:|Standby$)/.test(machine.spec.metadata.lifecycleState() ?? "")) return;
        publishedAt = clock.now();
        void put(machine, {
          ArrivedRequests: arrived,
          CompletedRequests: completed,
          BusyWorkers: busy,
          Workers: workers,
          QueuedRequests: queued,
          Saturation: (100 * (busy + queued)) / workers,
        });
      };
      let timer = clock.after(INTERVAL_SECONDS * 1000, interval);
      return () => timer.cancel();
    },
  };
  return traffic;
}
