import type { ResourceRecordSet } from "@aws-sdk/client-route-53";
import type { Ids } from "../../ids.ts";
import { normalName, WILDCARD, type Zone } from "./zones.ts";

/** One record of an answer; an alias or a CNAME on the way stands before what it leads to. */
export interface DnsRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly value: string;
}

/** RFC 1034 sets no number; resolvers give up at about this many. */
const CHAIN_MAX = 8;
/** https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-choosing-alias-non-alias.html: an alias has its target's. */
const ALIAS_TTL_SECONDS = 60;

/** The zone with the longest name that ends the given one; of two with the same name the private one. */
function zoneOf(zones: readonly Zone[], name: string): Zone | undefined {
  return zones
    .filter((zone) => name === zone.name || name.endsWith(`.${zone.name}`))
    .toSorted((a, b) => b.name.length - a.name.length || Number(b.isPrivate) - Number(a.isPrivate))[0];
}

/** Records of the name itself, else of the wildcard nearest above it (RFC 4592). */
function recordsAt(zone: Zone, name: string): ResourceRecordSet[] {
  const served = [...zone.served.values()];
  const exact = served.filter((record) => record.Name === name);
  if (exact.length > 0) return exact;
  // a name with others below it exists, so no wildcard stands for it
  if (served.some((record) => record.Name?.endsWith(`.${name}`))) return [];
  const labels = name.split(".");
  for (let cut = 1; cut < labels.length; cut++) {
    const parent = labels.slice(cut).join(".");
    const wild = served.filter((record) => record.Name === `${WILDCARD}${parent}`);
    if (wild.length > 0) return wild;
    if (parent === zone.name) break;
  }
  return [];
}

const exists = (zone: Zone, name: string): boolean =>
  recordsAt(zone, name).length > 0 || [...zone.served.values()].some((record) => record.Name?.endsWith(`.${name}`));

/** One of several weighted records; weight 0 only when all have it. */
function chosen(records: readonly ResourceRecordSet[], ids: Ids): ResourceRecordSet | undefined {
  const total = records.reduce((sum, record) => sum + (record.Weight ?? 0), 0);
  if (records.length < 2 || total === 0) return records[0];
  let drawn = Number.parseInt(ids.hex(8), 16) % total;
  for (const record of records) {
    drawn -= record.Weight ?? 0;
    if (drawn < 0) return record;
  }
  return records[0];
}

const valuesOf = (name: string, record: ResourceRecordSet): DnsRecord[] =>
  (record.ResourceRecords ?? []).map(({ Value }) => ({
    name,
    type: record.Type ?? "",
    ttl: record.TTL ?? ALIAS_TTL_SECONDS,
    value: Value ?? "",
  }));

/**
 * What the name servers of these zones say: undefined when the name does not exist (or is in no zone), an empty list
 * when it exists without such a record.
 */
export function answerFrom(
  zones: readonly Zone[],
  ids: Ids,
  asked: string,
  type: string,
  depth = 0,
): readonly DnsRecord[] | undefined {
  const name = normalName(asked);
  const zone = zoneOf(zones, name);
  if (zone === undefined || depth > CHAIN_MAX) return undefined;
  const here = recordsAt(zone, name);
  const found = chosen(
    here.filter((record) => record.Type === type),
    ids,
  );
  if (found?.AliasTarget) {
    const target = answerFrom(zones, ids, found.AliasTarget.DNSName ?? "", type, depth + 1) ?? [];
    return target.filter((record) => record.type === type).map((record) => ({ ...record, name }));
  }
  if (found) return valuesOf(name, found);
  const canonical = chosen(
    here.filter((record) => record.Type === "CNAME"),
    ids,
  );
  if (canonical === undefined) return exists(zone, name) ? [] : undefined;
  const [link] = valuesOf(name, canonical);
  if (link === undefined) return [];
  return [link, ...(answerFrom(zones, ids, link.value, type, depth + 1) ?? [])];
}
