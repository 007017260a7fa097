/** What routing may look at of a request. */
export interface RequestFacts {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  header(name: string): string | undefined;
}

/** How a forwarded request ended. */
export interface Outcome {
  readonly milliseconds: number;
  /** The target's answer; absent if there was none. */
  readonly targetStatus?: number;
  /** What the balancer answered in the target's place: 502, 503 or 504. */
  readonly balancerStatus?: number;
}

export interface Forward {
  readonly kind: "forward";
  readonly host: string;
  readonly port: number;
  /** Counts the request as outstanding until the returned function is called, once. `cut` ends the request at once. */
  begin(cut: () => void): (outcome: Outcome) => void;
}

export type Routing =
  | Forward
  | { readonly kind: "fixed-response"; readonly status: number; readonly contentType: string; readonly body: string }
  | { readonly kind: "redirect"; readonly status: number; readonly location: string }
  /** No target to forward to: 503. */
  | { readonly kind: "unavailable" };

export interface Frontend {
  readonly address: string;
  readonly port: number;
  idleTimeoutMs(): number;
  route(request: RequestFacts): Routing;
}

export interface BalancerListener {
  close(): Promise<void>;
}

export interface Probe {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly timeoutMs: number;
}
export type ProbeResult = { readonly status: number } | { readonly failure: "timeout" | "connection" };

/** The traffic of balancers: real HTTP in the farm, a model in the simulation. It decides nothing about targets. */
export interface BalancerProxy {
  /** Rejects when the address cannot be listened on. */
  listen(front: Frontend): Promise<BalancerListener>;
  /** One health check on a connection of its own; never rejects. */
  probe(probe: Probe): Promise<ProbeResult>;
  /** The target is gone: connections to it are closed, so that nothing of it is used again. */
  forget(host: string, port: number): void;
}
