import { randomUUID } from "node:crypto";

/** The only source of randomness in `lib/`. Everything else is given one. */
export interface Ids {
  /** RFC 9562 version 4. */
  uuid(): string;
}

export const randomIds: Ids = { uuid: () => randomUUID() };
