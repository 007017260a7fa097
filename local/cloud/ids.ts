import { randomBytes } from "node:crypto";

/** The one source of randomness of a world; the simulation gives a seeded one. */
export interface Ids {
  /** `length` lower-case hexadecimal digits. */
  hex(length: number): string;
  /** RFC 9562 version 4. */
  uuid(): string;
}

export function idsFrom(bytes: (count: number) => Uint8Array): Ids {
  const hex = (length: number): string =>
    Buffer.from(bytes(Math.ceil(length / 2)))
      .toString("hex")
      .slice(0, length);
  return {
    hex,
    uuid() {
      const h = hex(32);
      const variant = ((Number.parseInt(h.charAt(16), 16) & 0x3) | 0x8).toString(16);
      return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-${variant}${h.slice(17, 20)}-${h.slice(20)}`;
    },
  };
}

export const randomIds: Ids = idsFrom((count) => randomBytes(count));
