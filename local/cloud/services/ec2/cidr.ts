import { CloudError } from "../../errors.ts";

/** A block of IPv4 addresses: `first` and `last` are the addresses as unsigned numbers. */
export interface Cidr {
  readonly first: number;
  readonly last: number;
  readonly prefix: number;
}

export function addressNumber(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) {
    return undefined;
  }
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

export const addressText = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");

/** Throws InvalidParameterValue as EC2 does for a block that is no CIDR notation. */
export function parseCidr(text: string, parameter = "cidrBlock"): Cidr {
  const [address = "", bits = ""] = text.split("/");
  const base = addressNumber(address);
  if (base === undefined || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) {
    throw new CloudError(
      "InvalidParameterValue",
      `Value (${text}) for parameter ${parameter} is invalid. This is not a valid CIDR block.`,
    );
  }
  const size = 2 ** (32 - Number(bits));
  const first = Math.floor(base / size) * size;
  return { first, last: first + size - 1, prefix: Number(bits) };
}

export const cidrText = (cidr: Cidr): string => `${addressText(cidr.first)}/${cidr.prefix}`;
export const within = (inner: Cidr, outer: Cidr): boolean => inner.first >= outer.first && inner.last <= outer.last;
export const overlap = (a: Cidr, b: Cidr): boolean => a.first <= b.last && b.first <= a.last;
