import type { ResourceRecordSet } from "@aws-sdk/client-route-53";
import type { Ids } from "../../ids.ts";
import { placeOf } from "./places.ts";
import { chosen } from "./routing.ts";
import { normalName, WILDCARD, type Zone } from "./zones.ts";

/** One record of an answer; a CNAME on the way stands before what it leads to. */
export interface DnsRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly value: string;
}

/** What an alias leads to outside of Route 53: a load balancer or a distribution. */
export interface AliasTarget {
  readonly addresses: readonly string[];
  readonly healthy: boolean;
}

/** All that an answer depends on. */
export interface Names {
  readonly zones: readonly Zone[];
  readonly ids: Ids;
  readonly home: string;
  /** State of a health check; one that does not exist any more counts as healthy. */
  isHealthy(healthCheckId: string): boolean;
  /** By its DNS name without the dot at its end. */
  target(dnsName: string): AliasTarget | undefined;
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

const valuesOf = (name: string, record: ResourceRecordSet): DnsRecord[] =>
  (record.ResourceRecords ?? []).map(({ Value }) => ({
    name,
    type: record.Type ?? "",
    ttl: record.TTL ?? ALIAS_TTL_SECONDS,
    value: Value ?? "",
  }));

/** Load balancers have a second name for clients of both protocols. */
const targetName = (record: ResourceRecordSet): string =>
  normalName(record.AliasTarget?.DNSName)
    .replace(/\.$/, "")
    .replace(/^dualstack\./, "");

/**
 * A record's own check and, where it asks for that, the health of what it is an alias of.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
 */
function isHealthy(names: Names, record: ResourceRecordSet, depth: number): boolean {
  if (record.HealthCheckId !== undefined && !names.isHealthy(record.HealthCheckId)) return false;
  if (record.AliasTarget?.EvaluateTargetHealth !== true || depth > CHAIN_MAX) return true;
  const name = normalName(record.AliasTarget.DNSName);
  const zone = zoneOf(names.zones, name);
  if (zone === undefined) return names.target(targetName(record))?.healthy ?? false;
  return recordsAt(zone, name).some((one) => one.Type === record.Type && isHealthy(names, one, depth + 1));
}

/** Undefined: nothing of this name is known, here or outside. */
function valuesOfAlias(
  names: Names,
  name: string,
  record: ResourceRecordSet,
  viewer: string | undefined,
  depth: number,
) {
  const within = answerFrom(names, record.AliasTarget?.DNSName ?? "", record.Type ?? "", viewer, depth + 1);
  if (within !== undefined) return within.filter(({ type }) => type === record.Type).map((one) => ({ ...one, name }));
  const addresses = record.Type === "A" ? (names.target(targetName(record))?.addresses ?? []) : [];
  return addresses.map((value) => ({ name, type: "A", ttl: ALIAS_TTL_SECONDS, value }));
}

/**
 * What the name servers of these zones say to a visitor: undefined when the name does not exist (or is in no zone), an
 * empty list when it exists without such a record.
 */
export function answerFrom(
  names: Names,
  asked: string,
  type: string,
  viewer?: string,
  depth = 0,
): readonly DnsRecord[] | undefined {
  const name = normalName(asked);
  const zone = zoneOf(names.zones, name);
  if (zone === undefined || depth > CHAIN_MAX) return undefined;
  const choice = {
    ids: names.ids,
    home: names.home,
    place: placeOf(viewer),
    isHealthy: (record: ResourceRecordSet) => isHealthy(names, record, depth),
  };
  const here = recordsAt(zone, name);
  const ofType = here.filter((record) => record.Type === type);
  if (ofType.length > 0)
    return chosen(ofType, choice).flatMap((record) =>
      record.AliasTarget ? valuesOfAlias(names, name, record, viewer, depth) : valuesOf(name, record),
    );
  const [canonical] = chosen(
    here.filter((record) => record.Type === "CNAME"),
    choice,
  );
  if (canonical === undefined) return exists(zone, name) ? [] : undefined;
  const [link] = valuesOf(name, canonical);
  if (link === undefined) return [];
  return [link, ...(answerFrom(names, link.value, type, viewer, depth + 1) ?? [])];
}
