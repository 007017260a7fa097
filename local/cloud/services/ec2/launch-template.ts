import type {
  CreateLaunchTemplateRequest,
  CreateLaunchTemplateVersionRequest,
  DeleteLaunchTemplateRequest,
  DeleteLaunchTemplateVersionsRequest,
  DescribeLaunchTemplatesRequest,
  DescribeLaunchTemplateVersionsRequest,
  LaunchTemplate,
  LaunchTemplateVersion,
  ModifyLaunchTemplateRequest,
  RequestLaunchTemplateData,
} from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import type { Call, Operation } from "../../service.ts";
import { newId, type Ec2State, type LaunchTemplateRow } from "./state.ts";
import { page, required, tagsFor } from "./table.ts";

/** User data is limited to 16 KB before encoding (EC2 User Guide: user data). */
const USER_DATA_BYTES_MAX = 16_384;
/** EC2's default quota of versions per template. */
const VERSIONS_MAX = 10_000;
/** Of MaxResults (API reference: DescribeLaunchTemplates, DescribeLaunchTemplateVersions). */
const PAGE_SIZES = { min: 1, max: 200 };

type Version = LaunchTemplateRow["versions"][number];
type TemplateName = { LaunchTemplateId?: string | undefined; LaunchTemplateName?: string | undefined };

export function templateOf(state: Ec2State, name: TemplateName): LaunchTemplateRow {
  if (name.LaunchTemplateId !== undefined) return state.templates.get(name.LaunchTemplateId);
  const found = state.templates.all().find((row) => row.name === name.LaunchTemplateName);
  if (found === undefined) {
    throw new CloudError(
      "InvalidLaunchTemplateName.NotFoundException",
      `The specified launch template, with template name ${name.LaunchTemplateName ?? ""}, does not exist.`,
    );
  }
  return found;
}

/** Undefined also for a template that is not there: the launch itself says that. */
export function templateProfile(state: Ec2State, named: Readonly<Record<string, unknown>>): string | undefined {
  const { LaunchTemplateId: id, LaunchTemplateName: name, Version: version } = named;
  const row = state.templates.all().find((one) => one.id === id || one.name === name);
  const wanted = version === undefined || version === "$Default" ? row?.defaultVersion : Number(version);
  const found = row?.versions.find((one) => one.number === wanted) ?? row?.versions.at(-1);
  return found?.data.IamInstanceProfile?.Arn ?? found?.data.IamInstanceProfile?.Name;
}

/** `$Latest`, `$Default` (also when nothing is said) or a number. Throws InvalidLaunchTemplateId.VersionNotFound. */
export function versionOf(row: LaunchTemplateRow, version: string | undefined): Version {
  const latest = Math.max(...row.versions.map((one) => one.number));
  const number =
    version === "$Latest"
      ? latest
      : Number(version === "$Default" ? row.defaultVersion : (version ?? row.defaultVersion));
  const found = row.versions.find((one) => one.number === number);
  if (found === undefined) {
    throw new CloudError(
      "InvalidLaunchTemplateId.VersionNotFound",
      `Could not find the specified version ${version ?? ""} for the launch template with ID ${row.id}.`,
    );
  }
  return found;
}

/** Base64 to text. Throws InvalidUserData.Malformed for what is not base64 or is too long. */
export function decodeUserData(encoded: string | undefined): string {
  const compact = (encoded ?? "").replace(/\s/g, "");
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) {
    throw new CloudError("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.");
  }
  const bytes = Buffer.from(compact, "base64");
  if (bytes.length > USER_DATA_BYTES_MAX) {
    throw new CloudError("InvalidUserData.Malformed", "User data is limited to 16384 bytes");
  }
  return bytes.toString("utf8");
}

function refuseBadData(data: RequestLaunchTemplateData): void {
  decodeUserData(data.UserData);
  const groups = (data.SecurityGroupIds ?? []).length + (data.SecurityGroups ?? []).length;
  if (groups > 0 && (data.NetworkInterfaces ?? []).length > 0) {
    throw new CloudError(
      "InvalidParameterCombination",
      "Network interfaces and an instance-level security groups may not be specified on the same request",
    );
  }
}

const templateView = (row: LaunchTemplateRow): LaunchTemplate => ({
  LaunchTemplateId: row.id,
  LaunchTemplateName: row.name,
  CreateTime: new Date(row.createdAt),
  CreatedBy: row.createdBy,
  DefaultVersionNumber: row.defaultVersion,
  LatestVersionNumber: Math.max(...row.versions.map((one) => one.number)),
  Tags: row.tags,
});

const versionView = (row: LaunchTemplateRow, version: Version): LaunchTemplateVersion => {
  const { InstanceMarketOptions, CapacityReservationSpecification, ...data } = version.data;
  return {
    LaunchTemplateId: row.id,
    LaunchTemplateName: row.name,
    VersionNumber: version.number,
    VersionDescription: version.description,
    CreateTime: new Date(version.createdAt),
    CreatedBy: row.createdBy,
    DefaultVersion: version.number === row.defaultVersion,
    LaunchTemplateData: {
      ...data,
      ...(InstanceMarketOptions && { InstanceMarketOptions }),
      ...(CapacityReservationSpecification && { CapacityReservationSpecification }),
    },
  };
};

function create(state: Ec2State, input: CreateLaunchTemplateRequest, call: Call): object {
  const name = required(input.LaunchTemplateName, "LaunchTemplateName");
  const data = required(input.LaunchTemplateData, "LaunchTemplateData");
  if (!/^[a-zA-Z0-9().\-/_]{3,128}$/.test(name)) {
    throw new CloudError(
      "InvalidLaunchTemplateName.MalformedException",
      `The name '${name}' is not a launch template name.`,
    );
  }
  if (state.templates.all().some((row) => row.name === name)) {
    throw new CloudError(
      "InvalidLaunchTemplateName.AlreadyExistsException",
      `Launch template name already in use: ${name}.`,
    );
  }
  refuseBadData(data);
  const createdAt = state.world.clock.now();
  const row: LaunchTemplateRow = state.templates.put({
    id: newId(state, "lt"),
    tags: tagsFor(input.TagSpecifications, "launch-template"),
    name,
    createdAt,
    createdBy: call.principal.arn,
    defaultVersion: 1,
    versions: [{ number: 1, description: input.VersionDescription, createdAt, data }],
  });
  return { LaunchTemplate: templateView(row) };
}

function createVersion(state: Ec2State, input: CreateLaunchTemplateVersionRequest): object {
  const row = templateOf(state, input);
  if (row.versions.length >= VERSIONS_MAX) {
    throw new CloudError("VersionLimitExceeded", `A launch template has at most ${VERSIONS_MAX} versions.`);
  }
  const base = input.SourceVersion === undefined ? {} : versionOf(row, input.SourceVersion).data;
  const data = { ...base, ...required(input.LaunchTemplateData, "LaunchTemplateData") };
  refuseBadData(data);
  const version: Version = {
    number: Math.max(...row.versions.map((one) => one.number)) + 1,
    description: input.VersionDescription,
    createdAt: state.world.clock.now(),
    data,
  };
  row.versions.push(version);
  return { LaunchTemplateVersion: versionView(row, version) };
}

function modify(state: Ec2State, input: ModifyLaunchTemplateRequest): object {
  const row = templateOf(state, input);
  if (input.DefaultVersion !== undefined) row.defaultVersion = versionOf(row, input.DefaultVersion).number;
  return { LaunchTemplate: templateView(row) };
}

function remove(state: Ec2State, input: DeleteLaunchTemplateRequest): object {
  const row = templateOf(state, input);
  state.templates.remove(row.id);
  return { LaunchTemplate: templateView(row) };
}

function removeVersions(state: Ec2State, input: DeleteLaunchTemplateVersionsRequest): object {
  const row = templateOf(state, input);
  const wanted = required(input.Versions, "LaunchTemplateVersion").map((version) => versionOf(row, version).number);
  const gone = wanted.filter((number) => number !== row.defaultVersion);
  row.versions = row.versions.filter((version) => !gone.includes(version.number));
  const name = { LaunchTemplateId: row.id, LaunchTemplateName: row.name };
  return {
    SuccessfullyDeletedLaunchTemplateVersions: gone.map((VersionNumber) => ({ ...name, VersionNumber })),
    UnsuccessfullyDeletedLaunchTemplateVersions: wanted
      .filter((number) => !gone.includes(number))
      .map((VersionNumber) => ({
        ...name,
        VersionNumber,
        ResponseError: { Code: "unexpectedError", Message: "The default version cannot be deleted." },
      })),
  };
}

function describe(state: Ec2State, input: DescribeLaunchTemplatesRequest): object {
  for (const name of input.LaunchTemplateNames ?? []) templateOf(state, { LaunchTemplateName: name });
  const found = state.templates
    .select(input.LaunchTemplateIds, input.Filters, {
      "launch-template-name": (row) => row.name,
      "create-time": (row) => new Date(row.createdAt).toISOString(),
    })
    .filter((row) => !input.LaunchTemplateNames?.length || input.LaunchTemplateNames.includes(row.name));
  const { rows, ...rest } = page(found, input.MaxResults, input.NextToken, PAGE_SIZES);
  return { LaunchTemplates: rows.map(templateView), ...rest };
}

function describeVersions(state: Ec2State, input: DescribeLaunchTemplateVersionsRequest): object {
  const named = input.LaunchTemplateId !== undefined || input.LaunchTemplateName !== undefined;
  if (!named && !input.Versions?.length) {
    throw new CloudError(
      "MissingParameter",
      "Either a launch template or the versions $Latest or $Default must be named",
    );
  }
  const templates = named ? [templateOf(state, input)] : state.templates.all();
  const found = templates.flatMap((row) => {
    const versions = input.Versions?.length
      ? input.Versions.map((version) => versionOf(row, version))
      : row.versions.filter(
          ({ number }) => number >= Number(input.MinVersion ?? 1) && number <= Number(input.MaxVersion ?? VERSIONS_MAX),
        );
    return [...new Set(versions)].toSorted((a, b) => b.number - a.number).map((version) => versionView(row, version));
  });
  const { rows, ...rest } = page(found, input.MaxResults, input.NextToken, PAGE_SIZES);
  return { LaunchTemplateVersions: rows, ...rest };
}

export const launchTemplateOperations = (state: Ec2State): Record<string, Operation> => ({
  CreateLaunchTemplate: (input: CreateLaunchTemplateRequest, call: Call) => create(state, input, call),
  CreateLaunchTemplateVersion: (input: CreateLaunchTemplateVersionRequest) => createVersion(state, input),
  ModifyLaunchTemplate: (input: ModifyLaunchTemplateRequest) => modify(state, input),
  DeleteLaunchTemplate: (input: DeleteLaunchTemplateRequest) => remove(state, input),
  DeleteLaunchTemplateVersions: (input: DeleteLaunchTemplateVersionsRequest) => removeVersions(state, input),
  DescribeLaunchTemplates: (input: DescribeLaunchTemplatesRequest) => describe(state, input),
  DescribeLaunchTemplateVersions: (input: DescribeLaunchTemplateVersionsRequest) => describeVersions(state, input),
});
