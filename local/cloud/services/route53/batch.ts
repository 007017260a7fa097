import { isIPv4, isIPv6 } from "node:net";
import type { Change as RecordChange, ResourceRecordSet } from "@aws-sdk/client-route-53";
import { CloudError } from "../../errors.ts";
import { CONTINENTS, isRegion } from "./places.ts";
import { bareId, normalName, recordKey, type Zone } from "./zones.ts";

/** https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html */
const RECORDS_MAX = 1_000;
const CHARACTERS_MAX = 32_000;
const VALUES_MAX = 400;
const TTL_SECONDS_MAX = 2_147_483_647;
const WEIGHT_MAX = 255;

const shown = (record: ResourceRecordSet): string =>
  `[name='${normalName(record.Name)}', type='${record.Type ?? ""}'${
    record.SetIdentifier === undefined ? "" : `, set-identifier='${record.SetIdentifier}'`
  }]`;

/** Policies that the DNS server of the embedded cloud cannot answer by; a record that it would answer wrongly is refused. */
const refusedPolicies = ["GeoProximityLocation", "CidrRoutingConfig"] as const;
/** A record has at most one of these. */
const policies = ["Weight", "Region", "GeoLocation", "Failover", "MultiValueAnswer"] as const;

const policiesOf = (record: ResourceRecordSet) =>
  policies.filter((policy) => record[policy] !== undefined && record[policy] !== false);

const badValue = (what: string, value: string): string =>
  `Invalid Resource Record: 'FATAL problem: ${what} encountered with '${value}''`;

function valueProblem(type: string | undefined, value: string): string | undefined {
  if (type === "A" && !isIPv4(value))
    return badValue("ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)", value);
  if (type === "AAAA" && !isIPv6(value))
    return badValue("AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)", value);
  if (type === "TXT" && !/^("([^"\\]|\\.){0,255}"\s*)+$/s.test(value))
    return badValue("InvalidCharacterString (Value should be enclosed in quotation marks)", value);
  return undefined;
}

function contentProblem(record: ResourceRecordSet): string | undefined {
  const values = record.ResourceRecords ?? [];
  if (record.AliasTarget)
    return record.TTL === undefined && values.length === 0
      ? undefined
      : `Invalid request: an alias record ${shown(record)} must have neither TTL nor ResourceRecords`;
  if (values.length === 0 || record.TTL === undefined)
    return `Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found none in Change with ${shown(record)}`;
  if (record.TTL < 0 || record.TTL > TTL_SECONDS_MAX) return `Invalid TTL ${record.TTL} in ${shown(record)}`;
  if (values.length > VALUES_MAX) return `Too many values in ${shown(record)}: at most ${VALUES_MAX}`;
  if (record.Type === "CNAME" && values.length > 1) return `A CNAME record ${shown(record)} must have one value`;
  for (const { Value } of values) {
    const problem = valueProblem(record.Type, Value ?? "");
    if (problem) return problem;
  }
  return undefined;
}

function policyProblem(record: ResourceRecordSet): string | undefined {
  const refused = refusedPolicies.find((policy) => record[policy] !== undefined);
  if (refused) return `the embedded cloud does not answer DNS by ${refused}: ${shown(record)}`;
  const given = policiesOf(record);
  if (given.length > 1)
    return `Invalid request: Expected exactly one of [${policies.join(", ")}], but found more than one in Change with ${shown(record)}`;
  if (given.length === 1 && record.SetIdentifier === undefined)
    return `Invalid request: Missing field 'SetIdentifier' in Change with ${shown(record)}`;
  if (given.length === 0 && record.SetIdentifier !== undefined)
    return `Invalid request: Missing routing policy in Change with ${shown(record)}`;
  const { Weight = 0, Region } = record;
  if (!Number.isInteger(Weight) || Weight < 0 || Weight > WEIGHT_MAX)
    return `Invalid Weight ${Weight} in ${shown(record)}`;
  if (Region !== undefined && !isRegion(Region)) return `Region ${Region} is not known to the embedded cloud`;
  if (record.MultiValueAnswer === true && (record.AliasTarget || record.Type === "CNAME" || record.Type === "NS"))
    return `A multivalue answer record ${shown(record)} must be neither an alias nor of type ${record.Type ?? ""}`;
  return areaProblem(record);
}

function areaProblem(record: ResourceRecordSet): string | undefined {
  if (record.GeoLocation === undefined) return undefined;
  const { ContinentCode: continent, CountryCode: country, SubdivisionCode: subdivision } = record.GeoLocation;
  const wrong = `Invalid GeoLocation in ${shown(record)}:`;
  if ((continent === undefined) === (country === undefined))
    return `${wrong} give either a ContinentCode or a CountryCode`;
  if (continent !== undefined && !CONTINENTS.includes(continent)) return `${wrong} no continent ${continent}`;
  if (country !== undefined && !/^([A-Z]{2}|\*)$/.test(country)) return `${wrong} no country ${country}`;
  if (subdivision !== undefined && country !== "US" && country !== "UA")
    return `${wrong} only the US and Ukraine have a SubdivisionCode`;
  return undefined;
}

/** What of the policy no second record of the same name and type may have. */
function policyMark({ Region, GeoLocation, Failover }: ResourceRecordSet): string | undefined {
  if (GeoLocation !== undefined)
    return `GeoLocation ${[GeoLocation.ContinentCode, GeoLocation.CountryCode, GeoLocation.SubdivisionCode].join("/")}`;
  if (Failover !== undefined) return `Failover ${Failover}`;
  return Region === undefined ? undefined : `Region ${Region}`;
}

const isBelow = (name: string, zone: Zone): boolean => name === zone.name || name.endsWith(`.${zone.name}`);

/** Why the zone, as it is before this change, cannot take the record. */
function placeProblem(
  zone: Zone,
  records: ReadonlyMap<string, ResourceRecordSet>,
  record: ResourceRecordSet,
): string | undefined {
  const name = normalName(record.Name);
  const others = [...records.values()].filter((one) => normalName(one.Name) === name && one.Type !== record.Type);
  const subject = `RRSet of type ${record.Type ?? ""} with DNS name ${name}`;
  if (!isBelow(name, zone)) return `RRSet with DNS name ${name} is not permitted in zone ${zone.name}`;
  if (record.Type === "CNAME" && name === zone.name) return `${subject} is not permitted at apex in zone ${zone.name}`;
  if (record.Type === "CNAME" ? others.length > 0 : others.some(({ Type }) => Type === "CNAME"))
    return `${subject} is not permitted as it conflicts with other records with the same DNS name in zone ${zone.name}`;
  const same = [...records.values()].filter(
    (one) => normalName(one.Name) === name && one.Type === record.Type && one.SetIdentifier !== record.SetIdentifier,
  );
  if (same.some((one) => policiesOf(one)[0] !== policiesOf(record)[0]))
    return `${subject} cannot be created because a record with another routing policy exists with the same name and type`;
  const mark = policyMark(record);
  if (mark !== undefined && same.some((one) => policyMark(one) === mark))
    return `${subject} cannot be created because another record of it has ${mark}`;
  return aliasProblem(zone, records, record);
}

/** An alias within its own zone needs its target there. */
function aliasProblem(
  zone: Zone,
  records: ReadonlyMap<string, ResourceRecordSet>,
  { AliasTarget: alias, Type }: ResourceRecordSet,
): string | undefined {
  if (alias === undefined || bareId(alias.HostedZoneId) !== zone.id) return undefined;
  const name = normalName(alias.DNSName);
  if ([...records.values()].some((one) => normalName(one.Name) === name && one.Type === Type)) return undefined;
  return `Tried to create an alias that targets ${name}, type ${Type ?? ""} in zone ${zone.id}, but that target was not found`;
}

const comparable = (record: ResourceRecordSet): string =>
  JSON.stringify([
    record.TTL,
    (record.ResourceRecords ?? []).map(({ Value = "" }) => Value).toSorted((a, b) => (a < b ? -1 : 1)),
    record.AliasTarget && [
      record.AliasTarget.HostedZoneId,
      normalName(record.AliasTarget.DNSName),
      record.AliasTarget.EvaluateTargetHealth,
    ],
    record.HealthCheckId,
    policiesOf(record).map((policy) => [policy, record[policy]]),
  ]);

const isApex = (zone: Zone, record: ResourceRecordSet): boolean =>
  normalName(record.Name) === zone.name && (record.Type === "NS" || record.Type === "SOA");

function deleteProblem(
  zone: Zone,
  existing: ResourceRecordSet | undefined,
  record: ResourceRecordSet,
): string | undefined {
  const tried = `Tried to delete resource record set ${shown(record)}`;
  if (existing === undefined) return `${tried} but it was not found`;
  if (isApex(zone, record)) return `A HostedZone must contain exactly one NS and one SOA record: ${tried}`;
  return comparable(existing) === comparable(record)
    ? undefined
    : `${tried} but the values provided do not match the current values`;
}

function applyOne(zone: Zone, records: Map<string, ResourceRecordSet>, change: RecordChange): string | undefined {
  const record = change.ResourceRecordSet ?? { Name: undefined, Type: undefined };
  const key = recordKey(record);
  const existing = records.get(key);
  if (change.Action === "DELETE") {
    const problem = deleteProblem(zone, existing, record);
    if (problem === undefined) records.delete(key);
    return problem;
  }
  if (change.Action === "CREATE" && existing)
    return `Tried to create resource record set ${shown(record)} but it already exists`;
  const problem = contentProblem(record) ?? policyProblem(record) ?? placeProblem(zone, records, record);
  if (problem === undefined) records.set(key, { ...record, Name: normalName(record.Name) });
  return problem;
}

/** An UPSERT counts twice, and an alias as one record. */
function checkSize(changes: readonly RecordChange[]): void {
  let [records, characters] = [0, 0];
  for (const { Action, ResourceRecordSet: record } of changes) {
    const factor = Action === "UPSERT" ? 2 : 1;
    const values = record?.ResourceRecords ?? [];
    records += factor * Math.max(values.length, 1);
    characters += factor * values.reduce((sum, { Value = "" }) => sum + Value.length, 0);
  }
  const problem =
    records === 0
      ? "The batch has no changes."
      : records > RECORDS_MAX
        ? `Number of records limit of ${RECORDS_MAX} exceeded.`
        : characters > CHARACTERS_MAX
          ? `Number of characters limit of ${CHARACTERS_MAX} exceeded.`
          : undefined;
  if (problem !== undefined) throw new CloudError("InvalidChangeBatch", `[${problem}]`, 400, { messages: [problem] });
}

/**
 * The records of a zone after a batch: all of it or none. Throws InvalidChangeBatch with every problem found.
 * https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
 */
export function afterBatch(zone: Zone, changes: readonly RecordChange[]): Map<string, ResourceRecordSet> {
  checkSize(changes);
  const records = new Map(zone.records);
  const messages = changes.flatMap((change) => {
    const action = change.Action;
    if (action !== "CREATE" && action !== "DELETE" && action !== "UPSERT")
      throw new CloudError("InvalidInput", `Action must be CREATE, DELETE or UPSERT: ${String(action)}`);
    return applyOne(zone, records, change) ?? [];
  });
  if (messages.length > 0) throw new CloudError("InvalidChangeBatch", `[${messages.join(", ")}]`, 400, { messages });
  return records;
}
