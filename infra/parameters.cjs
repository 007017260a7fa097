"use strict";
const { faults, split, unknownName } = require("./parameter-rules.cjs");

/** Stand where nothing was given: their branch of a condition is never taken, but must look like what it is not. */
const NO_VPC = "vpc-00000000";
const noSubnet = (index) => `subnet-0000000${index}`;
const NO_HOST = "none.example.com";
const NO_KEY = "arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-0000-0000-000000000000";

const ref = (name) => ({ Ref: name });
/** Resolves to the mount target in the zone of whoever asks. */
const EFS_NAME = { "Fn::Join": ["", [ref("Share"), ".efs.", ref("AWS::Region"), ".", ref("AWS::URLSuffix"), ":/"]] };
const choose = (condition, yes, no) => ({ "Fn::If": [condition, yes, no] });
const zone = (index) => ({ "Fn::Select": [index, { "Fn::GetAZs": "" }] });

/** One subnet per zone: ours, or those that were given. */
const subnets = (noun, given) =>
  ["A", "B", "C"].map((letter, index) => {
    const each = choose("MakesVpc", ref(`${noun}Subnet${letter}`), given[index] ?? noSubnet(index));
    return letter === "C" ? choose("ThreeZones", each, ref("AWS::NoValue")) : each;
  });

function siteUrl({ certificateArn, siteDomain, listenerPort }) {
  const host = siteDomain === "" ? { "Fn::GetAtt": ["Balancer", "DNSName"] } : siteDomain;
  if (certificateArn !== "") return { "Fn::Join": ["", ["https://", host]] };
  return { "Fn::Join": ["", ["http://", host, listenerPort === "80" ? "" : `:${listenerPort}`]] };
}

/** Where the edge listens in the local world: CloudFront's own ports are for the machine's administrator. */
const LOCAL_EDGE_PORT = 8080;

/** What of the edge follows from the parameters. */
function edge(p) {
  const isLocal = p.world === "local";
  const [certificateHost] = [p.originDomain, p.certificateArn === "" ? "" : p.siteDomain].filter((name) => name !== "");
  const aliases = [p.staticDomain, p.edgePages === "true" ? p.siteDomain : ""].filter((name) => name !== "");
  const zoneIsGiven = /^Z[0-9A-Z]+$/.test(p.publicZone);
  const host = choose("HasStaticDomain", p.staticDomain || NO_HOST, { "Fn::GetAtt": ["Distribution", "DomainName"] });
  return {
    edgeAliases: choose("HasStaticDomain", aliases.length > 0 ? aliases : [NO_HOST], ref("AWS::NoValue")),
    edgeViewers: isLocal ? "allow-all" : "redirect-to-https",
    originDomain: certificateHost ?? { "Fn::GetAtt": ["Balancer", "DNSName"] },
    staticUrl: { "Fn::Join": ["", [isLocal ? "http://" : "https://", host, isLocal ? `:${LOCAL_EDGE_PORT}` : ""]] },
    publicZoneId: zoneIsGiven ? p.publicZone : "",
    publicZoneName: zoneIsGiven ? "" : p.publicZone,
    publicZone: choose("MakesPublicZone", ref("PublicZone"), ref("PublicZoneId")),
    publicZoneIfAny: choose("HasPublicZone", choose("MakesPublicZone", ref("PublicZone"), ref("PublicZoneId")), ""),
    distributionIfAny: choose("HasEdge", ref("Distribution"), ""),
  };
}

/** What the template uses in several places and what follows from several parameters. `p` = name -> text. */
function derived(p) {
  const [addressA, addressB] = split(p.databaseAddresses);
  const [databaseSubnetA, databaseSubnetB] = split(p.vpcDatabaseSubnets);
  const [zoneA, zoneB] = split(p.vpcDatabaseZones);
  const key = p.encryptionKey.startsWith("arn:") ? p.encryptionKey : NO_KEY;
  const keyArn = choose("MakesKey", { "Fn::GetAtt": ["Key", "Arn"] }, key);
  return {
    /** The parameters as text: CloudFormation's parameters of type String. */
    given: p,
    vpc: choose("MakesVpc", ref("Vpc"), p.vpcId || NO_VPC),
    publicSubnets: subnets("Public", split(p.vpcPublicSubnets)),
    webSubnets: subnets("Web", split(p.vpcWebSubnets)),
    databaseSubnetA: choose("MakesVpc", ref("DatabaseSubnetA"), databaseSubnetA ?? noSubnet(0)),
    databaseSubnetB: choose("MakesVpc", ref("DatabaseSubnetB"), databaseSubnetB ?? noSubnet(1)),
    databaseZoneA: choose("MakesVpc", zone(0), zoneA ?? "none"),
    databaseZoneB: choose("MakesVpc", zone(1), zoneB ?? "none"),
    databaseAddressA: addressA ?? `${p.network}.10.10`,
    databaseAddressB: addressB ?? `${p.network}.11.10`,
    siteUrl: siteUrl(p),
    ...edge(p),
    /** Without the class its group is never made, and looks right all the same. */
    specialMin: String(Math.min(Number(p.specialMin), Number(p.specialMax))),
    hasSpecial: choose("HasSpecial", "true", "false"),
    /** Of the requests that the second class serves, those that web nodes serve all the same. */
    specialWeights: [Number(p.specialShare), 100 - Number(p.specialShare)],
    webSubnetC: choose("MakesVpc", ref("WebSubnetC"), split(p.vpcWebSubnets)[2] ?? noSubnet(2)),
    share: choose("MakesShare", EFS_NAME, p.shareServer || "none:/"),
    cache: {
      "Fn::Join": [
        ":",
        ["Address", "Port"].map((part) => ({ "Fn::GetAtt": ["CacheCluster", `ConfigurationEndpoint.${part}`] })),
      ],
    },
    nodeImage: p.nodeImage.startsWith("/") ? `{{resolve:ssm:${p.nodeImage}}}` : p.nodeImage,
    keyArn,
    keyIfAny: choose("HasKey", keyArn, ref("AWS::NoValue")),
    logRetentionDays: Number(p.logRetentionDays),
  };
}

/**
 * Serverless plugin: `${tandem:parameters}` checks every parameter before anything is packaged or deployed, and gives
 * what follows from them. A refusal names the parameter, what was given and what is allowed, all of them at once.
 */
module.exports = class Parameters {
  constructor(serverless) {
    this.serverless = serverless;
    this.configurationVariablesSources = {
      tandem: { resolve: async (request) => ({ value: await this.resolve(request) }) },
    };
  }

  async resolve({ address, resolveVariable, resolveConfigurationProperty }) {
    if (address !== "parameters")
      throw this.refusal([`\${tandem:${address}} is not known; there is \${tandem:parameters}`]);
    const stage = await resolveVariable("sls:stage");
    const names = Object.keys((await resolveConfigurationProperty(["params", "default"])) ?? {});
    const ofStage = Object.keys((await resolveConfigurationProperty(["params", stage])) ?? {});
    const unknown = [...ofStage, ...this.commandLineNames()].filter((name) => !names.includes(name));
    const pairs = names.map(async (name) => [name, String(await resolveVariable(`param:${name}`))]);
    const values = Object.fromEntries(await Promise.all(pairs));
    const found = [...unknown.map((name) => unknownName(name, names)), ...faults(values)];
    if (found.length > 0) throw this.refusal(found);
    return derived(values);
  }

  commandLineNames() {
    return (this.serverless.processedInput.options.param ?? []).map((pair) => pair.split("=")[0]);
  }

  refusal(lines) {
    return new this.serverless.classes.Error(lines.join("\n  "), "TANDEM_PARAMETERS");
  }
};
module.exports.derived = derived;
