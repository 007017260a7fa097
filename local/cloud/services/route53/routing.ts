import type { GeoLocation, ResourceRecordSet } from "@aws-sdk/client-route-53";
import type { Ids } from "../../ids.ts";
import { distanceTo, type Place } from "./places.ts";

/** What a choice between records depends on. */
export interface Choice {
  readonly ids: Ids;
  readonly place: Place | undefined;
  /** The cloud's own region: where a visitor is who is nowhere on the map. */
  readonly home: string;
  isHealthy(record: ResourceRecordSet): boolean;
}

/** https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy-multivalue.html */
const MULTIVALUE_MAX = 8;

const draw = (ids: Ids, below: number): number => Number.parseInt(ids.hex(8), 16) % below;

/** The healthy ones; all of them when none is, for an answer that may work is better than none. */
function healthiest(records: readonly ResourceRecordSet[], { isHealthy }: Choice): readonly ResourceRecordSet[] {
  const healthy = records.filter(isHealthy);
  return healthy.length > 0 ? healthy : records;
}

/** Weight 0 is answered only when nothing else is healthy, or when all have it. */
function byWeight(records: readonly ResourceRecordSet[], choice: Choice): ResourceRecordSet | undefined {
  const healthy = healthiest(records, choice);
  const total = healthy.reduce((sum, { Weight = 0 }) => sum + Weight, 0);
  if (total === 0) return healthy[healthy.length < 2 ? 0 : draw(choice.ids, healthy.length)];
  let drawn = draw(choice.ids, total);
  for (const record of healthy) {
    drawn -= record.Weight ?? 0;
    if (drawn < 0) return record;
  }
  return healthy[0];
}

function byFailover(records: readonly ResourceRecordSet[], { isHealthy }: Choice): ResourceRecordSet | undefined {
  const primary = records.find(({ Failover }) => Failover === "PRIMARY");
  const secondary = records.find(({ Failover }) => Failover === "SECONDARY");
  if (primary !== undefined && (secondary === undefined || isHealthy(primary))) return primary;
  return secondary !== undefined && (primary === undefined || isHealthy(secondary)) ? secondary : primary;
}

function byLatency(records: readonly ResourceRecordSet[], choice: Choice): ResourceRecordSet | undefined {
  const far = ({ Region }: ResourceRecordSet): number => distanceTo(Region ?? "", choice.place, choice.home);
  return healthiest(records, choice).toSorted((a, b) => far(a) - far(b))[0];
}

/** 0 is the most specific; undefined: the place is not in it. */
function rankOf(area: GeoLocation | undefined, place: Place | undefined): number | undefined {
  if (area?.CountryCode === "*") return 3;
  if (area === undefined || place === undefined) return undefined;
  if (area.SubdivisionCode !== undefined)
    return area.CountryCode === place.country && area.SubdivisionCode === place.subdivision ? 0 : undefined;
  if (area.CountryCode !== undefined) return area.CountryCode === place.country ? 1 : undefined;
  return area.ContinentCode === place.continent ? 2 : undefined;
}

/** The smallest area that has the place and is healthy; no area, no answer. */
function byPlace(records: readonly ResourceRecordSet[], choice: Choice): ResourceRecordSet | undefined {
  const rank = (record: ResourceRecordSet): number | undefined => rankOf(record.GeoLocation, choice.place);
  const around = records.filter((record) => rank(record) !== undefined);
  return healthiest(around, choice).toSorted((a, b) => (rank(a) ?? 0) - (rank(b) ?? 0))[0];
}

function some(records: readonly ResourceRecordSet[], choice: Choice): ResourceRecordSet[] {
  const left = [...healthiest(records, choice)];
  const drawn: ResourceRecordSet[] = [];
  while (left.length > 0 && drawn.length < MULTIVALUE_MAX) drawn.push(...left.splice(draw(choice.ids, left.length), 1));
  return drawn;
}

const one = (record: ResourceRecordSet | undefined): ResourceRecordSet[] => (record === undefined ? [] : [record]);

/**
 * The records of one name and type that answer, by the routing policy that they share.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy.html
 */
export function chosen(records: readonly ResourceRecordSet[], choice: Choice): ResourceRecordSet[] {
  const [first] = records;
  if (first?.Weight !== undefined) return one(byWeight(records, choice));
  if (first?.Failover !== undefined) return one(byFailover(records, choice));
  if (first?.Region !== undefined) return one(byLatency(records, choice));
  if (first?.GeoLocation !== undefined) return one(byPlace(records, choice));
  if (first?.MultiValueAnswer === true) return some(records, choice);
  return one(first);
}
