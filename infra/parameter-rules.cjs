"use strict";

/**
 * What each parameter of `serverless.yml` may be. A rule has the words that stand in a refusal and in docs/DEPLOYING.md,
 * and a test on the text of the value. `CROSS` holds what concerns several parameters at once.
 */
const SUBNET = "subnet-[0-9a-f]{8,17}";
const DAY = "(?:mon|tue|wed|thu|fri|sat|sun)";
const FLOOR = String.raw`${DAY}(?:-${DAY})? (?:[01]\d|2[0-3]):[0-5]\d-(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00) \d{1,3}`;
const ADDRESS = String.raw`(?:\d{1,3}\.){3}\d{1,3}`;

const whole = (min, max, why = "") => ({
  allowed: `a whole number from ${min} to ${max}${why}`,
  accepts: (text) => /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max,
});
const oneOf = (...choices) => ({
  allowed: `one of ${choices.map((each) => (each === "" ? "(empty)" : each)).join(", ")}`,
  accepts: (text) => choices.includes(text),
});
const like = (allowed, pattern) => ({ allowed, accepts: (text) => new RegExp(`^(?:${pattern})$`).test(text) });
const optional = ({ allowed, accepts }) => ({
  allowed: `empty, or ${allowed}`,
  accepts: (text) => text === "" || accepts(text),
});
const flag = oneOf("true", "false");

const split = (text) => (text === "" ? [] : text.split(","));
const isAddress = (text) => text.split(".").every((octet) => Number(octet) <= 255);
const isPrivate = (network) => {
  const [first, second] = network.split(".").map(Number);
  return first === 10 || (first === 172 && second >= 16 && second <= 31) || (first === 192 && second === 168);
};
/** Graviton families carry a `g` behind their generation: t4g, m7gd, c8gn; a1 was the first. */
const isGraviton = (type) => /^(?:[a-z]+\d+g[a-z]*|a1)\./.test(type);

const instanceType = like("an EC2 instance type, e.g. t4g.small", String.raw`[a-z][a-z0-9-]*\.[a-z0-9-]+`);

const host = like("a host name, e.g. www.example.org", String.raw`(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}`);

const RULES = {
  world: oneOf("aws", "local"),

  zones: oneOf("2", "3"),
  natPerZone: flag,
  network: like("the first two numbers of a private /16, e.g. 10.20", String.raw`\d{1,3}\.\d{1,3}`),
  vpcId: optional(like("the id of a VPC, e.g. vpc-0a1b2c3d", "vpc-[0-9a-f]{8,17}")),
  vpcPublicSubnets: optional(like("ids of subnets, one per zone, with commas between", `${SUBNET}(?:,${SUBNET}){1,2}`)),
  vpcWebSubnets: optional(like("ids of subnets, one per zone, with commas between", `${SUBNET}(?:,${SUBNET}){1,2}`)),
  vpcDatabaseSubnets: optional(
    like("two ids of subnets, of db-a and db-b, with a comma between", `${SUBNET},${SUBNET}`),
  ),
  vpcDatabaseZones: optional(
    like("the zones of those two subnets, e.g. eu-west-1a,eu-west-1b", "[a-z0-9-]+[a-z],[a-z0-9-]+[a-z]"),
  ),

  webMin: whole(1, 200),
  webMax: whole(1, 200),
  warmPoolMin: whole(0, 200),
  specialMin: whole(1, 50),
  specialMax: whole(0, 50),
  specialInstanceType: instanceType,
  specialPhpWorkers: whole(1, 200),
  specialShare: whole(1, 100),
  webInstanceType: instanceType,
  phpWorkers: whole(1, 200),
  targetBusyPercent: whole(10, 95),
  scaleInCooldownSeconds: whole(0, 86_400),
  webFloors: optional(
    like(
      "days, hours in UTC and a number of nodes, with commas between, e.g. mon-fri 08:00-19:00 4",
      `${FLOOR}(?:, ?${FLOOR}){0,49}`,
    ),
  ),
  deregistrationDelaySeconds: whole(0, 3600),
  hookTimeoutSeconds: whole(30, 7200),
  balancerAlgorithm: oneOf("round_robin", "least_outstanding_requests", "weighted_random"),
  slowStartSeconds: {
    allowed: "0, or a whole number from 30 to 900",
    accepts: (text) => text === "0" || whole(30, 900).accepts(text),
  },
  listenerPort: whole(1, 65_535),
  certificateArn: optional(
    like(
      "the ARN of a certificate of ACM in the farm's region",
      String.raw`arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+`,
    ),
  ),
  siteDomain: optional(host),
  nodeImage: like("the id of an image, or an SSM parameter that holds one", String.raw`ami-[0-9a-f]{8,17}|/[\w./-]+`),

  databaseServers: oneOf("tandem", "yours"),
  databaseAddresses: optional({
    allowed: "two IPv4 addresses, of db-a and db-b, with a comma between",
    accepts: (text) => new RegExp(`^${ADDRESS},${ADDRESS}$`).test(text) && split(text).every(isAddress),
  }),
  databaseFlavour: oneOf("mysql", "mariadb"),
  databaseInstanceType: instanceType,
  databaseVolumeGiB: whole(8, 16_384),

  shareServer: optional(
    like(
      "an NFS 4.1 server and path, e.g. files.example.org:/wordpress",
      String.raw`[A-Za-z0-9.-]{1,253}:/[\w./-]{0,255}`,
    ),
  ),
  shareMount: oneOf("nfs4", "efs"),
  cacheNodes: whole(1, 20),
  cacheNodeType: like("an ElastiCache node type, e.g. cache.t4g.micro", String.raw`cache\.[a-z]+\d+[a-z]*\.[a-z0-9]+`),

  alarmEmail: optional(like("an e-mail address", String.raw`[^@\s]+@[^@\s]+\.[^@\s]+`)),
  encryptionKey: like(
    "empty, own, or the ARN of a KMS key",
    String.raw`|own|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]+`,
  ),
  // The periods that CloudWatch Logs knows.
  logRetentionDays: oneOf("1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365", "400", "545", "731"),

  edge: oneOf("cloudfront", "none"),
  edgePages: flag,
  staticDomain: optional(host),
  staticCertificateArn: optional(
    like(
      "the ARN of a certificate of ACM in us-east-1",
      String.raw`arn:aws[a-z-]*:acm:us-east-1:\d{12}:certificate/[\w-]+`,
    ),
  ),
  originDomain: optional(host),
  publicZone: {
    allowed: "empty, the id of a public hosted zone, or a domain name for which one is made",
    accepts: (text) => text === "" || /^Z[0-9A-Z]{6,31}$/.test(text) || host.accepts(text),
  },

  observeOnly: flag,
  declaredWait: oneOf("0", "1"),
};

const VPC_PARTS = ["vpcPublicSubnets", "vpcWebSubnets", "vpcDatabaseSubnets", "vpcDatabaseZones"];

/** Each gives what is wrong with the whole, or nothing. Every value that it is given has passed its own rule. */
const CROSS = [
  (p) =>
    p.shareMount === "efs" &&
    p.shareServer !== "" &&
    `shareMount is "efs" and shareServer is given: the EFS mount helper mounts EFS only`,
  (p) =>
    Number(p.webMin) > Number(p.webMax) && `webMin is ${p.webMin} and webMax is ${p.webMax}: webMax must not be less`,
  (p) =>
    p.specialMax !== "0" &&
    Number(p.specialMin) > Number(p.specialMax) &&
    `specialMin is ${p.specialMin} and specialMax is ${p.specialMax}: specialMax must not be less, or 0 for no such nodes`,
  (p) =>
    Number(p.warmPoolMin) > Number(p.webMax) &&
    `warmPoolMin is ${p.warmPoolMin} and webMax is ${p.webMax}: a pool larger than the tier can never be used up`,
  (p) =>
    p.slowStartSeconds !== "0" &&
    p.balancerAlgorithm !== "round_robin" &&
    `slowStartSeconds is ${p.slowStartSeconds} and balancerAlgorithm is "${p.balancerAlgorithm}": a balancer has slow start with round_robin only`,
  (p) =>
    p.world === "aws" &&
    p.vpcId === "" &&
    !isPrivate(p.network) &&
    `network is "${p.network}": it must lie in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16`,
  (p) =>
    p.world === "aws" &&
    p.declaredWait === "1" &&
    `declaredWait is "1": on AWS every visitor could hold a PHP worker; it is for load tests in the local world`,
  (p) =>
    p.certificateArn !== "" &&
    p.siteDomain === "" &&
    `certificateArn is given and siteDomain is empty: name the host that the certificate is for`,
  (p) =>
    p.certificateArn !== "" &&
    p.listenerPort === "443" &&
    `listenerPort is 443: with certificateArn, HTTPS listens there`,
  (p) =>
    (p.staticDomain === "") !== (p.staticCertificateArn === "") &&
    `${p.staticDomain === "" ? "staticCertificateArn is given and staticDomain" : "staticDomain is given and staticCertificateArn"} is empty: CloudFront needs both, or neither`,
  (p) =>
    p.edgePages === "true" &&
    (p.edge !== "cloudfront" || p.staticDomain === "" || p.siteDomain === "") &&
    `edgePages is "true": it needs edge=cloudfront, siteDomain and staticDomain, and a certificate for both names`,
  (p) =>
    p.edge === "cloudfront" &&
    p.certificateArn !== "" &&
    p.edgePages === "true" &&
    p.originDomain === "" &&
    `originDomain is empty: with certificateArn and edgePages, name a host of that certificate that leads to the balancer itself`,
  (p) =>
    p.vpcId === "" &&
    VPC_PARTS.some((name) => p[name] !== "") &&
    `${VPC_PARTS.filter((name) => p[name] !== "").join(" and ")} given without vpcId: give all of them, or none`,
  (p) => {
    const missing = VPC_PARTS.filter(
      (name) => p[name] === "" && (p.databaseServers === "tandem" || !name.includes("Database")),
    );
    return (
      p.vpcId !== "" &&
      missing.length > 0 &&
      `vpcId is given and ${missing.join(" and ")} ${missing.length > 1 ? "are" : "is"} empty`
    );
  },
  ...["vpcPublicSubnets", "vpcWebSubnets"].map((name) => (p) => {
    const count = split(p[name]).length;
    return (
      count > 0 &&
      count !== Number(p.zones) &&
      `${name} names ${count} subnets and zones is ${p.zones}: one for each zone`
    );
  }),
  (p) => {
    const [a, b] = split(p.vpcDatabaseZones);
    return a !== undefined && a === b && `vpcDatabaseZones names ${a} twice: the two servers must not share a zone`;
  },
  (p) =>
    p.databaseAddresses === "" &&
    p.databaseServers === "yours" &&
    `databaseServers is "yours" and databaseAddresses is empty: give the addresses of your two servers`,
  (p) =>
    p.databaseAddresses === "" &&
    p.vpcId !== "" &&
    p.databaseServers === "tandem" &&
    `vpcId is given and databaseAddresses is empty: give a free address of each of vpcDatabaseSubnets`,
  (p) => {
    const [a, b] = split(p.databaseAddresses);
    return a !== undefined && a === b && `databaseAddresses names ${a} twice: db-a and db-b are two servers`;
  },
  (p) =>
    p.databaseFlavour === "mariadb" &&
    p.databaseServers === "yours" &&
    `databaseFlavour is "mariadb" and databaseServers is "yours": it says what Tandem installs; what yours are is seen`,
  (p) =>
    p.databaseAddresses !== "" &&
    p.databaseServers === "tandem" &&
    p.vpcId === "" &&
    `databaseAddresses is given, but Tandem makes the servers and the network: leave it empty`,
  ...["webInstanceType", "specialInstanceType", "databaseInstanceType"].map(
    (name) => (p) =>
      p.nodeImage.includes("arm64") &&
      !isGraviton(p[name]) &&
      `${name} is "${p[name]}": nodeImage is for arm64, so it must be a Graviton type, e.g. t4g.small`,
  ),
];

/** Letters to insert, take away or change until `a` is `b` (Levenshtein). */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries())
      next.push(Math.min(next[j] + 1, row[j + 1] + 1, row[j] + (letter === other ? 0 : 1)));
    row = next;
  }
  return row[b.length];
}

/** A name further away than this was not meant. */
const DISTANCE_MAX = 3;

function unknownName(name, names) {
  const near = names.map((known) => ({ known, away: distance(known.toLowerCase(), name.toLowerCase()) }));
  const [best] = near.toSorted((a, b) => a.away - b.away);
  if (best !== undefined && best.away <= DISTANCE_MAX)
    return `parameter ${name} is not known: did you mean ${best.known}?`;
  return `parameter ${name} is not known: there are ${names.toSorted().join(", ")}`;
}

/**
 * Everything that is wrong with the values, in words that name the parameter, what was given and what is allowed.
 * `given` = name -> value, as strings or numbers; a parameter that has no rule here is another file's affair.
 */
function faults(given) {
  const values = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));
  const single = Object.entries(RULES).flatMap(([name, rule]) => {
    if (values[name] === undefined) return [`parameter ${name} is missing: it must be ${rule.allowed}`];
    return rule.accepts(values[name]) ? [] : [`parameter ${name} is "${values[name]}": it must be ${rule.allowed}`];
  });
  if (single.length > 0) return single;
  return CROSS.flatMap((rule) => rule(values) || []).map((text) => `parameter ${text}`);
}

module.exports = { RULES, faults, split, unknownName };
