import { isIPv4 } from "node:net";
import type {
  AssociateVPCWithHostedZoneCommandInput,
  ChangeResourceRecordSetsCommandInput,
  ChangeTagsForResourceCommandInput,
  CreateHostedZoneCommandInput,
  DeleteHostedZoneCommandInput,
  GetChangeCommandInput,
  GetHostedZoneCommandInput,
  ListHostedZonesByNameCommandInput,
  ListHostedZonesByVPCCommandInput,
  ListHostedZonesCommandInput,
  ListResourceRecordSetsCommandInput,
  ListTagsForResourceCommandInput,
  ListTagsForResourcesCommandInput,
  ResourceRecordSet,
  TestDNSAnswerCommandInput,
  UpdateHostedZoneCommentCommandInput,
} from "@aws-sdk/client-route-53";
import { CloudError } from "../../errors.ts";
import type { Operation, Service, World } from "../../service.ts";
import { answerFrom, type AliasTarget, type DnsRecord, type Names } from "./answer.ts";
import { afterBatch } from "./batch.ts";
import { healthOperations } from "./health-operations.ts";
import { HealthChecks, type HealthParts } from "./health.ts";
import { bareId, changeInfo, normalName, recordKey, WORK_MS, Zones, type Zone } from "./zones.ts";

export type { AliasTarget, DnsRecord } from "./answer.ts";
export type { HealthProbe, HealthProber, HealthResult } from "./health.ts";

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZones.html and API_ListResourceRecordSets.html */
const ZONES_PAGE_MAX = 100;
const RECORDS_PAGE_MAX = 300;
/** AWS's default quota. */
const ZONES_MAX = 500;

/** AWS gives each public zone four; here one server answers for all. */
const NAME_SERVERS = ["ns-0.awsdns-00.com."];

const shownZone = (zone: Zone): object => ({
  Id: `/hostedzone/${zone.id}`,
  Name: zone.name,
  CallerReference: zone.callerReference,
  Config: { PrivateZone: zone.isPrivate, ...(zone.comment !== undefined && { Comment: zone.comment }) },
  ResourceRecordSetCount: zone.records.size,
});

const delegation = (zone: Zone): object => (zone.isPrivate ? {} : { DelegationSet: { NameServers: NAME_SERVERS } });

function apexRecords(name: string): ResourceRecordSet[] {
  const [server = ""] = NAME_SERVERS;
  const authority = `${server} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400`;
  return [
    { Name: name, Type: "NS", TTL: 172_800, ResourceRecords: NAME_SERVERS.map((Value) => ({ Value })) },
    { Name: name, Type: "SOA", TTL: 900, ResourceRecords: [{ Value: authority }] },
  ];
}

function zoneName(name: string | undefined): string {
  const normal = normalName(name);
  if (/^([a-z0-9_*-]{1,63}\.)+$/.test(normal) && normal.length <= 255) return normal;
  throw new CloudError("InvalidDomainName", `The domain name is invalid: ${name ?? ""}`);
}

function create(zones: Zones, input: CreateHostedZoneCommandInput): object {
  const name = zoneName(input.Name);
  const repeated = [...zones.byId.values()].find((zone) => zone.callerReference === input.CallerReference);
  if (repeated)
    throw new CloudError(
      "HostedZoneAlreadyExists",
      `A hosted zone has already been created with the specified caller reference.`,
      409,
    );
  if (zones.byId.size >= ZONES_MAX) throw new CloudError("TooManyHostedZones", `more than ${ZONES_MAX} hosted zones`);
  const isPrivate = input.VPC !== undefined || input.HostedZoneConfig?.PrivateZone === true;
  if (isPrivate && input.VPC === undefined)
    throw new CloudError("InvalidInput", "When you're creating a private hosted zone, you must specify a VPC.");
  const apex = apexRecords(name).map((record) => [recordKey(record), record] as const);
  const zone: Zone = {
    id: `Z${zones.world.ids.hex(20).toUpperCase()}`,
    name,
    callerReference: input.CallerReference ?? "",
    isPrivate,
    comment: input.HostedZoneConfig?.Comment,
    vpcs: input.VPC ? [input.VPC] : [],
    tags: new Map(),
    records: new Map(apex),
    served: new Map(),
    busyUntil: 0,
  };
  zones.byId.set(zone.id, zone);
  const change = zones.submit(undefined, () => serve(zone, new Map(apex)));
  return {
    HostedZone: shownZone(zone),
    ChangeInfo: changeInfo(change),
    ...delegation(zone),
    ...(input.VPC && { VPC: input.VPC }),
    Location: `https://route53.amazonaws.com/2013-04-01/hostedzone/${zone.id}`,
  };
}

/** Changes reach the name servers in the order in which they were made, so the newest state is the whole truth. */
function serve(zone: Zone, records: ReadonlyMap<string, ResourceRecordSet>): void {
  zone.served.clear();
  for (const [key, record] of records) zone.served.set(key, record);
}

function remove(zones: Zones, input: DeleteHostedZoneCommandInput): object {
  const zone = zones.get(input.Id);
  if (zone.records.size > apexRecords(zone.name).length)
    throw new CloudError(
      "HostedZoneNotEmpty",
      "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
    );
  zones.byId.delete(zone.id);
  return { ChangeInfo: changeInfo(zones.submit(undefined, () => zone.served.clear())) };
}

function changeRecords(zones: Zones, checks: HealthChecks, input: ChangeResourceRecordSetsCommandInput): object {
  const zone = zones.get(input.HostedZoneId);
  const now = zones.world.clock.now();
  if (now < zone.busyUntil)
    throw new CloudError(
      "PriorRequestNotComplete",
      "The request was rejected because Route 53 was still processing a prior request.",
    );
  const changes = input.ChangeBatch?.Changes ?? [];
  for (const { Action, ResourceRecordSet: record } of changes)
    if (Action !== "DELETE" && record?.HealthCheckId !== undefined) checks.get(record.HealthCheckId);
  const records = afterBatch(zone, changes);
  zone.busyUntil = now + WORK_MS;
  zone.records.clear();
  for (const [key, record] of records) zone.records.set(key, record);
  return { ChangeInfo: changeInfo(zones.submit(input.ChangeBatch?.Comment, () => serve(zone, records))) };
}

/** Route 53 sorts by the labels of a name from the right, then by type. */
const reversed = (name: string | undefined): string => normalName(name).split(".").toReversed().join(".");
const sortKey = (record: ResourceRecordSet): string =>
  `${reversed(record.Name)} ${record.Type ?? ""} ${record.SetIdentifier ?? ""}`;

const pageSize = (asked: number | undefined, max: number): number => Math.min(Math.max(asked ?? max, 1), max);

function listRecords(zones: Zones, input: ListResourceRecordSetsCommandInput): object {
  const zone = zones.get(input.HostedZoneId);
  const max = pageSize(input.MaxItems, RECORDS_PAGE_MAX);
  const start =
    input.StartRecordName === undefined
      ? ""
      : `${reversed(input.StartRecordName)} ${input.StartRecordType ?? ""} ${input.StartRecordIdentifier ?? ""}`;
  const sorted = [...zone.records.values()].toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  const left = sorted.filter((record) => sortKey(record) >= start.trimEnd());
  const next = left[max];
  return {
    ResourceRecordSets: left.slice(0, max),
    IsTruncated: next !== undefined,
    MaxItems: max,
    ...(next && {
      NextRecordName: next.Name,
      NextRecordType: next.Type,
      ...(next.SetIdentifier !== undefined && { NextRecordIdentifier: next.SetIdentifier }),
    }),
  };
}

function listZones(zones: Zones, input: ListHostedZonesCommandInput): object {
  const max = pageSize(input.MaxItems, ZONES_PAGE_MAX);
  const ids = [...zones.byId.keys()];
  const start = input.Marker === undefined ? 0 : ids.indexOf(bareId(input.Marker));
  if (start < 0) throw new CloudError("InvalidInput", `The marker is not a hosted zone: ${input.Marker ?? ""}`);
  const page = [...zones.byId.values()].slice(start, start + max);
  const next = ids[start + max];
  return {
    HostedZones: page.map(shownZone),
    MaxItems: max,
    Marker: input.Marker,
    IsTruncated: next !== undefined,
    ...(next !== undefined && { NextMarker: next }),
  };
}

function listByName(zones: Zones, input: ListHostedZonesByNameCommandInput): object {
  const max = pageSize(input.MaxItems, ZONES_PAGE_MAX);
  const start = input.DNSName === undefined ? "" : reversed(input.DNSName);
  const sorted = [...zones.byId.values()]
    .filter((zone) => reversed(zone.name) >= start)
    .toSorted((a, b) => (reversed(a.name) < reversed(b.name) ? -1 : 1));
  const next = sorted[max];
  return {
    HostedZones: sorted.slice(0, max).map(shownZone),
    ...(input.DNSName !== undefined && { DNSName: input.DNSName }),
    MaxItems: max,
    IsTruncated: next !== undefined,
    ...(next && { NextDNSName: next.name, NextHostedZoneId: next.id }),
  };
}

const listByVpc = (zones: Zones, input: ListHostedZonesByVPCCommandInput): object => ({
  HostedZoneSummaries: [...zones.byId.values()]
    .filter((zone) => zone.vpcs.some((vpc) => vpc.VPCId === input.VPCId && vpc.VPCRegion === input.VPCRegion))
    .map((zone) => ({ HostedZoneId: zone.id, Name: zone.name, Owner: { OwningAccount: zones.world.account } })),
  MaxItems: ZONES_PAGE_MAX,
});

function associate(zones: Zones, input: AssociateVPCWithHostedZoneCommandInput): object {
  const zone = zones.get(input.HostedZoneId);
  if (!zone.isPrivate)
    throw new CloudError("PublicZoneVPCAssociation", "You're trying to associate a VPC with a public hosted zone.");
  if (input.VPC && !zone.vpcs.some(({ VPCId }) => VPCId === input.VPC?.VPCId)) zone.vpcs.push(input.VPC);
  return { ChangeInfo: changeInfo(zones.submit(input.Comment, () => {})) };
}

function disassociate(zones: Zones, input: AssociateVPCWithHostedZoneCommandInput): object {
  const { vpcs } = zones.get(input.HostedZoneId);
  const index = vpcs.findIndex(({ VPCId }) => VPCId === input.VPC?.VPCId);
  if (index < 0)
    throw new CloudError(
      "VPCAssociationNotFound",
      "The specified VPC and hosted zone are not currently associated.",
      404,
    );
  if (vpcs.length === 1)
    throw new CloudError("LastVPCAssociation", "The VPC is the last one of a private hosted zone.");
  vpcs.splice(index, 1);
  return { ChangeInfo: changeInfo(zones.submit(input.Comment, () => {})) };
}

interface Tagged {
  readonly id: string;
  readonly tags: Map<string, string>;
}

function tagged({ zones, checks }: Parts, type: string | undefined, id: string | undefined): Tagged {
  return type === "healthcheck" ? checks.get(id) : zones.get(id);
}

const tagSet = (type: string | undefined, { id, tags }: Tagged): object => ({
  ResourceType: type,
  ResourceId: id,
  Tags: [...tags].map(([Key, Value]) => ({ Key, Value })),
});

function changeTags(parts: Parts, input: ChangeTagsForResourceCommandInput): object {
  const { tags } = tagged(parts, input.ResourceType, input.ResourceId);
  for (const { Key = "", Value = "" } of input.AddTags ?? []) tags.set(Key, Value);
  for (const key of input.RemoveTagKeys ?? []) tags.delete(key);
  return {};
}

/** What the zone's own name servers would say to a resolver, or to a client behind one that tells its subnet. */
function testAnswer({ zones, names }: Parts, input: TestDNSAnswerCommandInput): object {
  const zone = zones.get(input.HostedZoneId);
  if (zone.isPrivate) throw new CloudError("InvalidInput", "TestDNSAnswer supports only public hosted zones.");
  const viewer = input.EDNS0ClientSubnetIP ?? input.ResolverIP;
  const type = input.RecordType ?? "";
  const name = normalName(input.RecordName);
  const found = answerFrom({ ...names(), zones: [zone] }, name, type, viewer);
  const [Nameserver = ""] = NAME_SERVERS;
  return {
    Nameserver: Nameserver.replace(/\.$/, ""),
    RecordName: name.replace(/\.$/, ""),
    RecordType: type,
    RecordData: (found ?? []).map(({ value }) => value),
    ResponseCode: found === undefined ? "NXDOMAIN" : "NOERROR",
    Protocol: "UDP",
  };
}

function getZone(zones: Zones, input: GetHostedZoneCommandInput): object {
  const zone = zones.get(input.Id);
  return { HostedZone: shownZone(zone), ...delegation(zone), ...(zone.isPrivate && { VPCs: zone.vpcs }) };
}

interface Parts {
  readonly zones: Zones;
  readonly checks: HealthChecks;
  names(): Names;
}

const operationsOf = (parts: Parts, { zones, checks } = parts): Record<string, Operation> => ({
  ...healthOperations(checks),
  TestDNSAnswer: (input: TestDNSAnswerCommandInput) => testAnswer(parts, input),
  CreateHostedZone: (input: CreateHostedZoneCommandInput) => create(zones, input),
  DeleteHostedZone: (input: DeleteHostedZoneCommandInput) => remove(zones, input),
  GetHostedZone: (input: GetHostedZoneCommandInput) => getZone(zones, input),
  GetHostedZoneCount: () => ({ HostedZoneCount: zones.byId.size }),
  ListHostedZones: (input: ListHostedZonesCommandInput) => listZones(zones, input),
  ListHostedZonesByName: (input: ListHostedZonesByNameCommandInput) => listByName(zones, input),
  ListHostedZonesByVPC: (input: ListHostedZonesByVPCCommandInput) => listByVpc(zones, input),
  UpdateHostedZoneComment: (input: UpdateHostedZoneCommentCommandInput) => {
    const zone = zones.get(input.Id);
    zone.comment = input.Comment;
    return { HostedZone: shownZone(zone) };
  },
  AssociateVPCWithHostedZone: (input: AssociateVPCWithHostedZoneCommandInput) => associate(zones, input),
  DisassociateVPCFromHostedZone: (input: AssociateVPCWithHostedZoneCommandInput) => disassociate(zones, input),
  ChangeResourceRecordSets: (input: ChangeResourceRecordSetsCommandInput) => changeRecords(zones, checks, input),
  ListResourceRecordSets: (input: ListResourceRecordSetsCommandInput) => listRecords(zones, input),
  GetChange: (input: GetChangeCommandInput) => ({ ChangeInfo: changeInfo(zones.change(input.Id)) }),
  ChangeTagsForResource: (input: ChangeTagsForResourceCommandInput) => changeTags(parts, input),
  ListTagsForResource: (input: ListTagsForResourceCommandInput) => ({
    ResourceTagSet: tagSet(input.ResourceType, tagged(parts, input.ResourceType, input.ResourceId)),
  }),
  ListTagsForResources: (input: ListTagsForResourcesCommandInput) => ({
    ResourceTagSets: (input.ResourceIds ?? []).map((id) =>
      tagSet(input.ResourceType, tagged(parts, input.ResourceType, id)),
    ),
  }),
});

/** Operations whose `Id` is that of a change. */
const isChange = (operation: string): boolean => operation === "GetChange";

export interface Route53Parts extends Pick<HealthParts, "probe" | "record"> {
  /** Load balancers and distributions, by their DNS names. */
  readonly target?: (dnsName: string) => AliasTarget | undefined;
}

export interface Route53 {
  readonly service: Service;
  /**
   * What the name servers say to a visitor at this address: undefined for a name that does not exist, an empty list for
   * one without such a record.
   */
  readonly answer: (name: string, type: string, viewer?: string) => readonly DnsRecord[] | undefined;
  /** Names of all zones, without the dot at the end. */
  readonly zones: () => readonly string[];
}

/** Route 53 in memory: zones whose changes reach the name servers a little later, and health checks. */
export function openRoute53(world: World, { probe, record, target = () => undefined }: Route53Parts = {}): Route53 {
  const zones = new Zones(world);
  const names = (): Names => ({
    zones: [...zones.byId.values()],
    ids: world.ids,
    home: world.region,
    isHealthy: (id) => checks.isHealthy(id),
    target,
  });
  const checks: HealthChecks = new HealthChecks(world, {
    ...(probe && { probe }),
    ...(record && { record }),
    resolve: (name) =>
      isIPv4(name)
        ? name
        : (answerFrom(names(), name, "A")?.find(({ type }) => type === "A")?.value ?? target(name)?.addresses[0]),
  });
  return {
    service: {
      id: "route53",
      operations: operationsOf({ zones, checks, names }),
      resourceOf: (operation, { HostedZoneId, HealthCheckId, ResourceId, ResourceType, Id }) => {
        const check = HealthCheckId ?? (ResourceType === "healthcheck" ? ResourceId : undefined);
        if (typeof check === "string") return `arn:aws:route53:::healthcheck/${check}`;
        const id = HostedZoneId ?? ResourceId ?? Id;
        if (typeof id !== "string") return "*";
        return `arn:aws:route53:::${isChange(operation) ? "change" : "hostedzone"}/${bareId(id)}`;
      },
      async close() {
        checks.close();
      },
    },
    answer: (name, type, viewer) => answerFrom(names(), name, type, viewer),
    zones: () => [...zones.byId.values()].map(({ name }) => name.replace(/\.$/, "")),
  };
}
