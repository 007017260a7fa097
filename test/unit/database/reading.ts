import type { DatabaseDriver } from "../../../lib/database/driver.ts";

/** A driver for tests that only look. */
export const readingOnly = (read: DatabaseDriver["read"]): DatabaseDriver => ({
  read,
  beat: () => Promise.reject(new Error("this test writes to no server")),
  session: () => Promise.reject(new Error("this test changes no server")),
});
