import type { DatabaseNode } from "../../../lib/spec.ts";
import { crashed } from "./channel.ts";
import { cutSessions, release } from "./commit.ts";
import { and, still, type Step } from "./event.ts";
import { emptyServer, isUp, withServer, without, type PairState, type Server } from "./state.ts";

/** An empty disk in a machine with power. Its server was never started. */
export const installed = (state: PairState, node: DatabaseNode, identity: string): PairState =>
  withServer(lost(state, node), node, {
    ...emptyServer(node, identity),
    hasPower: true,
    start: state.servers[node].start,
  });

const lost = (state: PairState, node: DatabaseNode): PairState => ({
  ...state,
  servers: { ...state.servers, [node]: emptyServer(node, "") },
});

export function power(state: PairState, node: DatabaseNode, on: boolean): Step {
  if (on) return still(withServer(state, node, { hasPower: true }));
  // A host that is gone resets no connection: its clients hear nothing.
  const { state: next } = killed(withServer(state, node, { hasPower: false }), node);
  return still(next);
}

export function started(state: PairState, node: DatabaseNode, recoveryMs: number): PairState {
  const { process, hasPower, identity, start } = state.servers[node];
  if (process.is !== "down" || !hasPower || identity === "") return state;
  return withServer(state, node, { process: { is: "starting", until: state.at + recoveryMs }, start: start + 1 });
}

/** `kill -9`. What is in the binlog survives, and is committed by the recovery, acknowledged or not. */
export function killed(state: PairState, node: DatabaseNode): Step {
  if (state.servers[node].process.is === "down") return still(state);
  return and(
    cutSessions(state, node, () => true),
    (cut) => {
      const server = release(cut, node, Infinity).servers[node];
      const { channel } = server;
      const disk: Server = {
        ...without(server, "lock", "closing", "channel"),
        ...(channel === undefined ? {} : { channel: crashed(cut, node, channel) }),
      };
      return still({
        ...cut,
        servers: {
          ...cut.servers,
          [node]: {
            ...disk,
            process: { is: "down" },
            readOnly: true,
            offline: false,
            semiSync: { source: false, replica: false },
            replies: [],
            isFull: false,
          },
        },
      });
    },
  );
}

export function hung(state: PairState, node: DatabaseNode): PairState {
  const server = state.servers[node];
  return isUp(server) && server.process.is === "up"
    ? withServer(state, node, { process: { is: "hung", since: server.process.since } })
    : state;
}

export function continued(state: PairState, node: DatabaseNode): PairState {
  const { process } = state.servers[node];
  return process.is === "hung" ? withServer(state, node, { process: { is: "up", since: process.since } }) : state;
}
