import { templateError } from "./template.ts";

/** The documented bounds of `Fn::Cidr`'s count. */
const COUNT_MAX = 256;

const toNumber = (address: string): number => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
const toAddress = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");

/** `Fn::Cidr` for IPv4: `count` blocks of 2^`bits` addresses inside `block`. */
export function cidrBlocks(block: string, count: number, bits: number): string[] {
  const match = /^(\d{1,3}(?:\.\d{1,3}){3})\/(\d{1,2})$/.exec(block);
  const [, base, prefix] = match ?? [];
  if (base === undefined || prefix === undefined)
    throw templateError(`Template error: Fn::Cidr: ${block} is not an IPv4 block`);
  const size = 2 ** bits;
  const room = 2 ** (32 - Number(prefix));
  if (!(count >= 1 && count <= COUNT_MAX) || !(bits >= 1) || count * size > room)
    throw templateError(`Template error: Fn::Cidr: ${block} cannot hold ${count} blocks of ${bits} bits`);
  const start = Math.floor(toNumber(base) / room) * room;
  return Array.from({ length: count }, (_unused, index) => `${toAddress(start + index * size)}/${32 - bits}`);
}
