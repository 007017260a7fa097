import type { DatabaseDriver } from "../../../lib/database/driver.ts";
import type { ServerState } from "../../../lib/database/server.ts";

/** Servers that are only read: whoever tries to change one fails the test. */
export const readingOnly = (read: DatabaseDriver["read"]): DatabaseDriver => ({
  read,
  beat: () => Promise.reject(new Error("nothing is written in this test")),
  session: () => Promise.reject(new Error("nothing is changed in this test")),
});

/** A server that nothing is wrong with, alone. */
export const STATE: ServerState = {
  flavour: "mysql",
  version: "9.7.4",
  identity: "3e11fa47-71ca-11e1-9e33-c80aa9429562",
  uptimeSeconds: 60,
  readOnly: true,
  superReadOnly: true,
  offline: false,
  gtid: "",
  channels: [],
  semiSync: { source: false, replica: false, clients: 0, waiting: 0 },
  replicas: [],
};
