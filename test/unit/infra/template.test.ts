import { RegoEngine, TemplateFile } from "@aws/cloudformation-validate";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  isList,
  isObject,
  parseJson,
  textOf,
  type Json,
  type JsonObject,
} from "../../../local/cloud/stack/engine/json.ts";
import { references } from "../../../local/cloud/stack/engine/graph.ts";
import { parameterValues } from "../../../local/cloud/stack/engine/parameters.ts";
import { resolvedProperties, scopeOf, targetOf, type Target } from "../../../local/cloud/stack/engine/target.ts";
import { parseTemplate, type Declaration, type Template } from "../../../local/cloud/stack/engine/template.ts";
import { faults } from "../../../local/cloud/stack/engine/validate.ts";
import { knownType } from "../../../local/cloud/stack/resources/registry.ts";
import { packaged, type Packaged } from "./packaged.ts";
import { EVERY_RESOURCE, WARNINGS } from "./reasons.ts";

/** What a user really deploys, packaged once for all tests. */
let made: Packaged;
let template: Template;
/** What the framework says to wrong parameters, asked at the same time. */
let refusal: string;
beforeAll(async () => {
  const refused = packaged("production", { webMin: "12", databaseVolumeGib: "9" }).then(
    ({ remove }) => {
      remove();
      return "";
    },
    (error: unknown) => String(error),
  );
  made = await packaged("production");
  template = parseTemplate(made.template);
  refusal = await refused;
}, 120_000);
afterAll(() => made?.remove());

const FUNCTION = "AWS::Lambda::Function";
const GROUP = "AWS::AutoScaling::AutoScalingGroup";
const around = {
  account: "000000000000",
  region: "eu-west-1",
  stackName: "tandem-production",
  stackId: "id",
  importValue: () => "",
};

const ofType = (type: string): Declaration[] => [...template.resources.values()].filter((one) => one.type === type);
const propertiesOf = (id: string): JsonObject => template.resources.get(id)?.properties ?? {};
const at = (value: Json | undefined, ...path: readonly string[]): Json | undefined =>
  path.reduce<Json | undefined>((here, key) => (isObject(here) ? here[key] : undefined), value);

/** The stack as these values of its parameters make it; the rest as packaged. */
async function stackWith(values: Readonly<Record<string, string>>): Promise<Target> {
  const given = Object.entries(values).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue }));
  return targetOf(template, await parameterValues(template, given, {}, async () => ""), {}, around);
}

/** Everything that a resource needs, directly or through others, whatever the conditions. */
function needs(id: string, seen = new Set<string>()): Set<string> {
  const declaration = template.resources.get(id);
  if (declaration === undefined) return seen;
  const { dependsOn, properties, metadata } = declaration;
  for (const next of [...dependsOn, ...references([properties, metadata]).map(({ name }) => name)]) {
    if (seen.has(next) || !template.resources.has(next)) continue;
    seen.add(next);
    needs(next, seen);
  }
  return seen;
}

describe("the packaged template", () => {
  test("has no error, and no warning without a reason", () => {
    const engine = new RegoEngine();
    try {
      const found = engine
        .validateStandard(new TemplateFile(made.file))
        .diagnostics.filter(
          ({ severity, ruleId, entity }) =>
            severity !== "INFO" &&
            severity !== "DEBUG" &&
            !(
              severity === "WARN" &&
              WARNINGS.some((known) => known.rule === ruleId && known.logicalId.test(entity?.logicalId ?? ""))
            ),
        );
      expect(
        found.map(({ severity, ruleId, entity, message }) => `${severity} ${ruleId} ${entity?.logicalId}: ${message}`),
      ).toEqual([]);
    } finally {
      engine.free();
    }
  });

  test.each<[string, Record<string, string>]>([
    ["as it is", {}],
    ["three zones", { Zones: "3" }],
    ["three zones with a NAT each", { Zones: "3", NatPerZone: "true" }],
    ["a network that is brought", { VpcId: "vpc-0a1b2c3d" }],
    ["a network of three zones that is brought", { VpcId: "vpc-0a1b2c3d", Zones: "3", NatPerZone: "true" }],
    ["databases that are brought", { DatabaseServers: "yours" }],
    ["network and databases that are brought", { VpcId: "vpc-0a1b2c3d", DatabaseServers: "yours" }],
    ["HTTPS", { CertificateArn: "arn:aws:acm:eu-west-1:000000000000:certificate/x" }],
    ["a key of the stack's own", { EncryptionKey: "own" }],
    ["a share that is brought", { ShareServer: "files.example.org:/wordpress", Zones: "3" }],
    ["no warm pool", { WarmPoolMin: "0" }],
    ["a warm pool", { WarmPoolMin: "2" }],
    ["a second class of nodes", { SpecialMax: "4" }],
    [
      "a second class of nodes behind HTTPS",
      { SpecialMax: "4", CertificateArn: "arn:aws:acm:eu-west-1:000000000000:certificate/x" },
    ],
    ["no CloudFront", { Edge: "none" }],
    ["a public zone that is made", { PublicZoneName: "example.org" }],
    ["a key that is brought", { EncryptionKey: "arn:aws:kms:eu-west-1:000000000000:key/x" }],
  ])("holds together with %s: nothing refers to what a condition leaves out", async (_what, values) => {
    const target = await stackWith(values);
    const scope = scopeOf(target, (id) =>
      target.enabled.has(id) ? { reference: `<${id}>`, attribute: (name) => `<${id}.${name}>` } : undefined,
    );
    const resolve = (declaration: Declaration) => () =>
      resolvedProperties(target, declaration, knownType(declaration.type), scope);

    expect(faults(target)).toEqual([]);
    for (const declaration of target.enabled.values()) expect(resolve(declaration)).not.toThrow();
  });
});

describe("a warm pool", () => {
  test("is made only where one is wanted, and has a size of its own", async () => {
    expect((await stackWith({ WarmPoolMin: "0" })).enabled.has("WebWarmPool")).toBe(false);
    expect((await stackWith({ WarmPoolMin: "2" })).enabled.has("WebWarmPool")).toBe(true);
    expect(propertiesOf("WebWarmPool")).toMatchObject({
      MinSize: { Ref: "WarmPoolMin" },
      MaxGroupPreparedCapacity: { Ref: "WarmPoolMin" },
    });
  });
});

describe("a second class of web nodes", () => {
  const ITS = ["SpecialTargets", "SpecialRule", "SpecialLaunchTemplate", "SpecialGroup"];

  test("is made only where one is wanted", async () => {
    const itsWith = async (values: Record<string, string>) => {
      const { enabled } = await stackWith(values);
      return ITS.filter((id) => enabled.has(id));
    };
    expect(await itsWith({})).toEqual([]);
    expect(await itsWith({ SpecialMax: "3" })).toEqual(ITS);
  });

  test("has template, group and targets of its own, and else what web nodes have", () => {
    const [web, special] = [propertiesOf("WebGroup"), propertiesOf("SpecialGroup")];
    const own = Object.keys(special).filter((name) => JSON.stringify(special[name]) !== JSON.stringify(web[name]));
    expect(own.toSorted()).toEqual([
      "AutoScalingGroupName",
      "LaunchTemplate",
      "MaxSize",
      "MinSize",
      "Tags",
      "TargetGroupARNs",
    ]);
    expect(propertiesOf("SpecialTargets")).toEqual({
      ...propertiesOf("WebTargets"),
      Name: "tandem-production-special",
    });
  });

  test("serves the administration by a rule with the weights of the parameter", () => {
    expect(propertiesOf("SpecialRule")).toMatchObject({
      Conditions: [
        { PathPatternConfig: { Values: ["/wp-admin/*", "/wp-login.php", "/wp-cron.php", "/wp-json/wp/v2/media*"] } },
      ],
      Actions: [
        {
          ForwardConfig: {
            TargetGroups: [
              { TargetGroupArn: { Ref: "SpecialTargets" }, Weight: 100 },
              { TargetGroupArn: { Ref: "WebTargets" }, Weight: 0 },
            ],
          },
        },
      ],
    });
  });
});

describe("a group of instances", () => {
  test.each(["WebGroup", "SpecialGroup", "DatabaseGroupA", "DatabaseGroupB"])(
    "%s comes after and goes before all that its hooks need",
    (group) => {
      const needed = needs(group);
      expect([...needed]).toEqual(
        expect.arrayContaining([
          "LifecycleRule",
          "LifecycleRulePermission",
          "OnDashlifecycleLambdaFunction",
          "OnDashlifecycleIamRoleLambdaExecution",
          "StateTable",
          "LaunchDocument",
          "DrainDocument",
          "Nat",
        ]),
      );
      expect([...needed].filter((id) => id.startsWith("PrivateDefaultRoute"))).not.toEqual([]);
    },
  );

  test("has no capacity that a deploy would reset", () => {
    expect(ofType(GROUP)).toHaveLength(4);
    for (const { properties } of ofType(GROUP)) expect(properties).not.toHaveProperty("DesiredCapacity");
  });

  test("has a name, so that no function refers to it", () => {
    const groups = ofType(GROUP).map(({ logicalId }) => logicalId);
    for (const { properties } of ofType(GROUP)) expect(properties["AutoScalingGroupName"]).toEqual(expect.any(String));
    for (const { logicalId } of ofType(FUNCTION))
      expect([...needs(logicalId)].filter((id) => groups.includes(id))).toEqual([]);
  });
});

describe("a function", () => {
  test("has the name that its file says, whatever the stack makes", () => {
    for (const { logicalId, properties } of ofType(FUNCTION)) {
      expect([logicalId, properties["FunctionName"]]).toEqual([
        logicalId,
        expect.stringMatching(/^tandem-production-[a-z-]+$/),
      ]);
    }
  });

  test("is watched by an alarm on its errors", () => {
    const watched = ofType("AWS::CloudWatch::Alarm")
      .filter(({ properties }) => properties["MetricName"] === "Errors")
      .map(({ properties }) => JSON.stringify(properties["Dimensions"]));
    for (const { properties } of ofType(FUNCTION))
      expect(watched).toContain(JSON.stringify([{ Name: "FunctionName", Value: properties["FunctionName"] ?? "" }]));
  });

  test("logs for a bounded time, under the farm's key if there is one", () => {
    for (const { logicalId, properties } of ofType("AWS::Logs::LogGroup")) {
      expect([logicalId, Number(properties["RetentionInDays"])]).toEqual([logicalId, 30]);
      expect([logicalId, at(properties["KmsKeyId"], "Fn::If")]).toEqual([
        logicalId,
        expect.arrayContaining(["HasKey"]),
      ]);
    }
  });
});

describe("what must not be lost or seen", () => {
  test("data volumes outlive the stack, encrypted, and say whose they are", () => {
    const volumes = ofType("AWS::EC2::Volume");
    expect(volumes).toHaveLength(2);
    for (const { deletionPolicy, updateReplacePolicy, properties } of volumes) {
      expect([deletionPolicy, updateReplacePolicy, properties["Encrypted"]]).toEqual(["Retain", "Retain", true]);
      const tags = isList(properties["Tags"]) ? properties["Tags"].map((tag) => textOf(at(tag, "Key"))) : [];
      expect(tags).toEqual(["Name", "tandem:stage", "tandem:node"]);
    }
  });

  test("every disk of a launch template is encrypted and its metadata needs a token", () => {
    for (const { properties } of ofType("AWS::EC2::LaunchTemplate")) {
      const disks = at(properties, "LaunchTemplateData", "BlockDeviceMappings");
      expect(isList(disks) && disks.every((disk) => at(disk, "Ebs", "Encrypted") === true)).toBe(true);
      expect(at(properties, "LaunchTemplateData", "MetadataOptions", "HttpTokens")).toBe("required");
    }
  });

  test("the state can be taken back to any moment", () => {
    expect(propertiesOf("StateTable")["PointInTimeRecoverySpecification"]).toEqual({
      PointInTimeRecoveryEnabled: true,
    });
  });

  test("no secret stands in the template: they are made by Secrets Manager, and nobody is handed a value", () => {
    for (const { properties } of ofType("AWS::SecretsManager::Secret")) {
      expect(properties).not.toHaveProperty("SecretString");
      expect(properties).toHaveProperty("GenerateSecretString");
    }
    expect(made.template).not.toContain("{{resolve:secretsmanager");
    const names = [...ofType(FUNCTION)].flatMap(({ properties }) =>
      Object.keys(Object(at(properties, "Environment", "Variables"))),
    );
    expect(names.filter((name) => /password|secret|token|credential/i.test(name))).toEqual([]);
    const named = secretKeys(parseJson(made.template)).filter((path) => !path.includes("GenerateSecretString"));
    expect(named).toEqual([]);
  });
});

/** Paths of members whose name promises a secret and that hold text. */
function secretKeys(value: Json, path = ""): string[] {
  if (isList(value)) return value.flatMap((item, index) => secretKeys(item, `${path}/${index}`));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    /password$|secretkey|privatekey/i.test(key) && typeof item === "string"
      ? [`${path}/${key}`]
      : secretKeys(item, `${path}/${key}`),
  );
}

interface Statement {
  readonly of: string;
  readonly actions: readonly string[];
  readonly resources: readonly Json[];
}
const listOf = (value: Json | undefined): readonly Json[] =>
  isList(value) ? value : value === undefined ? [] : [value];

/** Every statement of every role, those that the framework and its plugins write included. */
function statements(): Statement[] {
  return ofType("AWS::IAM::Role").flatMap(({ logicalId, properties }) =>
    listOf(properties["Policies"]).flatMap((policy) =>
      listOf(at(policy, "PolicyDocument", "Statement")).map((statement) => ({
        of: logicalId,
        actions: listOf(at(statement, "Action")).map(textOf),
        resources: listOf(at(statement, "Resource")),
      })),
    ),
  );
}

describe("a role", () => {
  test("names resources, or the reason why it cannot", () => {
    expect(statements().length).toBeGreaterThan(20);
    const unexplained = statements()
      .filter(({ resources }) => resources.length === 0 || resources.includes("*"))
      .flatMap(({ of, actions }) =>
        actions.filter((action) => EVERY_RESOURCE[action] === undefined).map((action) => `${of}: ${action}`),
      );
    expect(unexplained).toEqual([]);
  });

  test("never has a whole service", () => {
    const wide = statements().flatMap(({ of, actions }) =>
      actions.filter((action) => /^\*$|:\*$/.test(action)).map((action) => `${of}: ${action}`),
    );
    expect(wide).toEqual([]);
  });
});

describe("a parameter that is wrong", () => {
  test("stops the framework before anything is made, with the parameter, the value and what is allowed", () => {
    expect(refusal).toContain("parameter webMin is 12 and webMax is 10: webMax must not be less");
    expect(refusal).toContain("parameter databaseVolumeGib is not known: did you mean databaseVolumeGiB?");
  });
});
