import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { z } from "zod/mini";

const root = join(import.meta.dirname, "../../..");
const require = createRequire(import.meta.url);
const rules = z
  .object({
    RULES: z.record(z.string(), z.object({ allowed: z.string() })),
    faults: z.custom<(given: Record<string, string | number>) => string[]>((value) => typeof value === "function"),
    unknownName: z.custom<(name: string, names: string[]) => string>((value) => typeof value === "function"),
  })
  .parse(require(join(root, "infra/parameter-rules.cjs")));

/** `name: value` lines of the block `default` under `params`: what serverless.yml says, without the framework. */
function defaults(): Record<string, string> {
  const text = readFileSync(join(root, "serverless.yml"), "utf8");
  const block = /^params:\n {2}default:\n((?: {4}.*\n)+)/m.exec(text)?.[1] ?? "";
  const pairs = [...block.matchAll(/^ {4}(\w+): (?:"([^"]*)"|([^#\n]*?))(?: +#.*)?$/gm)];
  return Object.fromEntries(pairs.map(([, name = "", quoted, plain = ""]) => [name, quoted ?? plain]));
}
const given = (changes: Record<string, string>): string[] => rules.faults({ ...defaults(), ...changes });

const SUBNETS = "subnet-0a1b2c3d,subnet-0a1b2c3e";
const OWN_NETWORK = {
  vpcId: "vpc-0a1b2c3d",
  vpcPublicSubnets: SUBNETS,
  vpcWebSubnets: SUBNETS,
  vpcDatabaseSubnets: SUBNETS,
  vpcDatabaseZones: "eu-west-1a,eu-west-1b",
  databaseAddresses: "10.1.1.5,10.1.2.5",
};

describe("the parameters of a deployment", () => {
  test("are fine as they are, with every one of them known to the rules", () => {
    expect(rules.faults(defaults())).toEqual([]);
    expect(Object.keys(defaults()).toSorted()).toEqual(Object.keys(rules.RULES).toSorted());
  });

  test.each<[string, Record<string, string>, string]>([
    ["a word for a number", { webMin: "two" }, 'parameter webMin is "two": it must be a whole number from 1 to 200'],
    [
      "a number out of bounds",
      { hookTimeoutSeconds: "7201" },
      'hookTimeoutSeconds is "7201": it must be a whole number from 30 to 7200',
    ],
    ["a choice that there is not", { zones: "4" }, 'parameter zones is "4": it must be one of 2, 3'],
    ["yes for true", { natPerZone: "yes" }, 'parameter natPerZone is "yes": it must be one of true, false'],
    ["a whole CIDR", { network: "10.20.0.0/16" }, "the first two numbers of a private /16, e.g. 10.20"],
    ["a public network", { network: "8.8" }, 'parameter network is "8.8": it must lie in 10.0.0.0/8'],
    [
      "more at least than at most",
      { webMin: "5", webMax: "3" },
      "webMin is 5 and webMax is 3: webMax must not be less",
    ],
    [
      "a slow start that AWS does not have",
      { slowStartSeconds: "20" },
      "it must be 0, or a whole number from 30 to 900",
    ],
    [
      "an algorithm by another's name",
      { balancerAlgorithm: "leastconn" },
      "it must be one of round_robin, least_outstanding_requests, weighted_random",
    ],
    [
      "slow start where AWS refuses it",
      { slowStartSeconds: "60" },
      'slowStartSeconds is 60 and balancerAlgorithm is "least_outstanding_requests": a balancer has slow start with round_robin only',
    ],
    [
      "slow start with chance",
      { slowStartSeconds: "60", balancerAlgorithm: "weighted_random" },
      'slowStartSeconds is 60 and balancerAlgorithm is "weighted_random"',
    ],
    [
      "more nodes of the second class at least than at most",
      { specialMax: "1" },
      "specialMin is 2 and specialMax is 1: specialMax must not be less, or 0 for no such nodes",
    ],
    ["a share that nobody serves", { specialShare: "0" }, "it must be a whole number from 1 to 100"],
    ["a warm pool of half a node", { warmPoolMin: "0.5" }, "parameter warmPoolMin"],
    [
      "a warm pool that the tier cannot use up",
      { warmPoolMin: "11" },
      "warmPoolMin is 11 and webMax is 10: a pool larger than the tier can never be used up",
    ],
    [
      "an Intel type for the arm image",
      { webInstanceType: "t3.small" },
      'webInstanceType is "t3.small": nodeImage is for arm64',
    ],
    [
      "a certificate of another service",
      { certificateArn: "arn:aws:iam::000000000000:server-certificate/x" },
      "the ARN of a certificate of ACM",
    ],
    [
      "a certificate without its host",
      { certificateArn: "arn:aws:acm:eu-west-1:000000000000:certificate/0a-1b" },
      "certificateArn is given and siteDomain is empty",
    ],
    [
      "an address that is none",
      { alarmEmail: "operator" },
      'parameter alarmEmail is "operator": it must be empty, or an e-mail address',
    ],
    ["a retention that CloudWatch does not know", { logRetentionDays: "31" }, "parameter logRetentionDays"],
    ["a key by its name", { encryptionKey: "alias/mine" }, "it must be empty, own, or the ARN of a KMS key"],
    [
      "a static host without its certificate",
      { staticDomain: "static.example.org" },
      "staticDomain is given and staticCertificateArn is empty",
    ],
    [
      "a certificate of the wrong region for the edge",
      {
        staticDomain: "static.example.org",
        staticCertificateArn: "arn:aws:acm:eu-west-1:000000000000:certificate/0a-1b",
      },
      "the ARN of a certificate of ACM in us-east-1",
    ],
    ["pages at an edge without names", { edgePages: "true" }, "it needs edge=cloudfront, siteDomain and staticDomain"],
    ["a zone that is neither id nor name", { publicZone: "zone" }, "the id of a public hosted zone, or a domain name"],
    ["half a network", { vpcId: "vpc-0a1b2c3d" }, "vpcId is given and vpcPublicSubnets and vpcWebSubnets"],
    ["subnets without their network", { vpcWebSubnets: SUBNETS }, "vpcWebSubnets given without vpcId"],
    ["two subnets for three zones", { ...OWN_NETWORK, zones: "3" }, "vpcWebSubnets names 2 subnets and zones is 3"],
    [
      "both servers in one zone",
      { ...OWN_NETWORK, vpcDatabaseZones: "eu-west-1a,eu-west-1a" },
      "vpcDatabaseZones names eu-west-1a twice",
    ],
    [
      "servers that nobody can find",
      { databaseServers: "yours" },
      'databaseServers is "yours" and databaseAddresses is empty',
    ],
    ["a server that is not known", { databaseFlavour: "percona" }, "it must be one of mysql, mariadb"],
    [
      "a flavour for servers that are there already",
      { databaseFlavour: "mariadb", databaseServers: "yours", databaseAddresses: "10.9.1.5,10.9.2.5" },
      'databaseFlavour is "mariadb" and databaseServers is "yours"',
    ],
    ["an octet of 300", { databaseServers: "yours", databaseAddresses: "10.1.1.300,10.1.1.4" }, "two IPv4 addresses"],
    ["a load-test door on AWS", { declaredWait: "1" }, "declaredWait"],
  ])("refuse %s by name", (_what, changes, words) => {
    const found = given(changes);
    expect(found).not.toEqual([]);
    expect(found.join("\n")).toContain(words);
  });

  test.each<[string, Record<string, string>]>([
    ["a network of one's own", OWN_NETWORK],
    ["databases of one's own", { databaseServers: "yours", databaseAddresses: "10.9.1.5,10.9.2.5" }],
    ["servers with MariaDB", { databaseFlavour: "mariadb" }],
    ["three zones with a NAT each", { zones: "3", natPerZone: "true" }],
    ["a key of one's own", { encryptionKey: "arn:aws:kms:eu-west-1:000000000000:key/0a1b2c3d" }],
    [
      "HTTPS",
      { certificateArn: "arn:aws:acm:eu-west-1:000000000000:certificate/0a-1b", siteDomain: "www.example.org" },
    ],
    [
      "another image, and with it another architecture",
      { nodeImage: "ami-0a1b2c3d4e5f6a7b8", webInstanceType: "m7i.large" },
    ],
    [
      "an edge with a host and a zone of its own",
      {
        staticDomain: "static.example.org",
        staticCertificateArn: "arn:aws:acm:us-east-1:000000000000:certificate/0a-1b",
        publicZone: "example.org",
      },
    ],
  ])("take %s", (_what, changes) => {
    expect(given(changes)).toEqual([]);
  });

  test("tell all that is wrong at once", () => {
    expect(given({ webMin: "x", webMax: "y", zones: "1" })).toHaveLength(3);
  });

  test("that are mistyped are met with the name that was meant", () => {
    const names = Object.keys(defaults());
    expect(rules.unknownName("webMx", names)).toBe("parameter webMx is not known: did you mean webMax?");
    expect(rules.unknownName("WEBMAX", names)).toContain("did you mean webMax?");
    expect(rules.unknownName("colour", names)).toMatch(/^parameter colour is not known: there are alarmEmail, /);
  });

  test("stand in the manual with their default and what they may be", () => {
    const manual = readFileSync(join(root, "docs/DEPLOYING.md"), "utf8");
    const rows = new Map(
      [...manual.matchAll(/^\| `(\w+)` \| (.*?) \| (.*?) \|/gm)].map(([, name = "", ...cells]) => [name, cells]),
    );
    for (const [name, value] of Object.entries(defaults())) {
      expect([name, ...(rows.get(name) ?? [])]).toEqual([
        name,
        value === "" ? "" : `\`${value}\``,
        rules.RULES[name]?.allowed,
      ]);
    }
  });
});
