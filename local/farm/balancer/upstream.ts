import { Agent } from "node:http";

/** Idle connections kept for each target; beyond these a burst pays for new ones. */
const IDLE_CONNECTIONS_MAX = 256;
/** An idle connection to a target is closed after this long, before nginx's own 75 s would close it under a request. */
const IDLE_MS = 60_000;

/** Keep-alive connections, one pool for each target. */
export interface Upstreams {
  agent(host: string, port: number): Agent;
  /** Closes what is idle now, and each busy connection once its request is done. */
  forget(host: string, port: number): void;
  close(): void;
}

export function openUpstreams(): Upstreams {
  const agents = new Map<string, Agent>();
  return {
    agent(host, port) {
      const key = `${host}:${port}`;
      const known = agents.get(key);
      if (known !== undefined) return known;
      const agent = new Agent({ keepAlive: true, maxFreeSockets: IDLE_CONNECTIONS_MAX, timeout: IDLE_MS });
      agents.set(key, agent);
      return agent;
    },
    forget(host, port) {
      const key = `${host}:${port}`;
      const agent = agents.get(key);
      agents.delete(key);
      if (agent !== undefined) retire(agent);
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}

function retire(agent: Agent): void {
  agent.on("free", (socket) => socket.destroy());
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}
