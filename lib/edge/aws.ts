import {
  GetDistributionCommand,
  GetInvalidationCommand,
  ListInvalidationsCommand,
  type CloudFrontClient,
} from "@aws-sdk/client-cloudfront";
import { ListResourceRecordSetsCommand, type ResourceRecordSet, type Route53Client } from "@aws-sdk/client-route-53";
import { callAws } from "../aws/errors.ts";
import { TandemError } from "../errors.ts";

export interface EdgeClients {
  readonly cloudFront: CloudFrontClient;
  readonly route53: Route53Client;
}

/** A DNS record of one of the farm's zones. */
export interface EdgeRecord {
  /** Without the dot at its end. */
  readonly name: string;
  readonly type: string;
  /** An alias has none of its own. */
  readonly ttlSeconds?: number;
  /** An alias is shown as `alias <name>`. */
  readonly values: readonly string[];
  /** In words, e.g. `weighted 10`; absent: a simple record. */
  readonly routing?: string;
  readonly healthCheckId?: string;
}

export interface Distribution {
  readonly id: string;
  readonly domainName: string;
  readonly state: "InProgress" | "Deployed";
}

export interface Invalidation {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly state: "InProgress" | "Completed";
}

/** A farm has a few dozen records; a zone with thousands is shared with somebody, and is not read to its end. */
const RECORDS_MAX = 900;
/** Newest first: what is under way is among them, for CloudFront takes few at a time. */
const INVALIDATIONS_MAX = 20;

/** Adapter of the edge: one function per AWS call, without SDK types. All throw TandemError (lib/aws/errors.ts). */
export function edgeAws({ cloudFront, route53 }: EdgeClients) {
  return {
    /** All records of a zone but its own NS and SOA. Throws `too-many-records` rather than show a part as the whole. */
    async records(zoneId: string): Promise<readonly EdgeRecord[]> {
      const records: ResourceRecordSet[] = [];
      let start: Pick<ResourceRecordSet, "Name" | "Type" | "SetIdentifier"> | undefined;
      do {
        const from = start && {
          StartRecordName: start.Name,
          StartRecordType: start.Type,
          ...(start.SetIdentifier !== undefined && { StartRecordIdentifier: start.SetIdentifier }),
        };
        const page = await callAws(`list the records of zone ${zoneId}`, () =>
          route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: zoneId, ...from })),
        );
        records.push(...(page.ResourceRecordSets ?? []));
        start =
          page.IsTruncated === true
            ? { Name: page.NextRecordName, Type: page.NextRecordType, SetIdentifier: page.NextRecordIdentifier }
            : undefined;
        if (start !== undefined && records.length >= RECORDS_MAX)
          throw new TandemError("too-many-records", `zone ${zoneId} has more than ${RECORDS_MAX} records`, {
            next: "give the farm a zone of its own (parameter publicZone)",
          });
      } while (start !== undefined);
      return records.filter(({ Type }) => Type !== "NS" && Type !== "SOA").map(recordOf);
    },
    async distribution(id: string): Promise<Distribution> {
      const answer = await callAws(`read distribution ${id}`, () =>
        cloudFront.send(new GetDistributionCommand({ Id: id })),
      );
      const { DomainName: domainName = "", Status: state } = answer.Distribution ?? {};
      return { id, domainName, state: state === "Deployed" ? "Deployed" : "InProgress" };
    },
    /** The newest, newest first. */
    async invalidations(distributionId: string): Promise<readonly Invalidation[]> {
      const answer = await callAws(`list the invalidations of ${distributionId}`, () =>
        cloudFront.send(new ListInvalidationsCommand({ DistributionId: distributionId, MaxItems: INVALIDATIONS_MAX })),
      );
      return (answer.InvalidationList?.Items ?? []).map(({ Id = "", Status, CreateTime }) => ({
        id: Id,
        createdAt: CreateTime?.getTime() ?? 0,
        state: Status === "Completed" ? "Completed" : "InProgress",
      }));
    },
    async paths(distributionId: string, id: string): Promise<readonly string[]> {
      const answer = await callAws(`read invalidation ${id} of ${distributionId}`, () =>
        cloudFront.send(new GetInvalidationCommand({ DistributionId: distributionId, Id: id })),
      );
      return answer.Invalidation?.InvalidationBatch?.Paths?.Items ?? [];
    },
  };
}

/** Route 53 writes the asterisk of a wildcard as `\052`. */
const plainName = (name: string | undefined): string => (name ?? "").replace(/\.$/, "").replace(/^\\052/, "*");

function recordOf(record: ResourceRecordSet): EdgeRecord {
  const routing = routingOf(record);
  const alias = record.AliasTarget?.DNSName;
  return {
    name: plainName(record.Name),
    type: record.Type ?? "",
    ...(record.TTL === undefined ? {} : { ttlSeconds: record.TTL }),
    values:
      alias === undefined
        ? (record.ResourceRecords ?? []).map(({ Value = "" }) => Value)
        : [`alias ${plainName(alias)}`],
    ...(routing === undefined ? {} : { routing }),
    ...(record.HealthCheckId === undefined ? {} : { healthCheckId: record.HealthCheckId }),
  };
}

function routingOf({ Weight, Failover, Region, GeoLocation, MultiValueAnswer }: ResourceRecordSet): string | undefined {
  if (Weight !== undefined) return `weighted ${Weight}`;
  if (Failover !== undefined) return `failover ${Failover.toLowerCase()}`;
  if (Region !== undefined) return `latency ${Region}`;
  if (GeoLocation !== undefined) {
    const { ContinentCode, CountryCode, SubdivisionCode } = GeoLocation;
    const area = [ContinentCode, CountryCode, SubdivisionCode].filter((part) => part !== undefined).join("-");
    return `geolocation ${area === "*" ? "default" : area}`;
  }
  return MultiValueAnswer === true ? "multivalue" : undefined;
}
