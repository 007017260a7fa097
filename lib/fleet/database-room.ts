import type { DatabaseRoom } from "../database/room.ts";

/** The rest is for the controller, for operators, and for a failover's moment of double use. */
const SHARE_MAX = 0.9;

/** For how many more nodes the writer has connections, if each of their workers holds one. */
export const nodesWithRoom = (room: DatabaseRoom, workersPerNode: number): number =>
  room.refuses ? 0 : Math.max(0, Math.floor((room.connectionsMax * SHARE_MAX - room.connections) / workersPerNode));

export const explainRoom = (room: DatabaseRoom): string =>
  room.refuses
    ? "the database refuses connections"
    : `the database has ${room.connections} of ${room.connectionsMax} connections in use`;
