import type { DatabaseDriver } from "../../../lib/database/driver.ts";

/** Servers that are only read: whoever tries to change one fails the test. */
export const readingOnly = (read: DatabaseDriver["read"]): DatabaseDriver => ({
  read,
  beat: () => Promise.reject(new Error("nothing is written in this test")),
  session: () => Promise.reject(new Error("nothing is changed in this test")),
});
