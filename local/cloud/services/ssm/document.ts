import { createHash } from "node:crypto";
import type {
  CreateDocumentRequest,
  DeleteDocumentRequest,
  DescribeDocumentRequest,
  DocumentDescription,
  GetDocumentRequest,
  ListDocumentsRequest,
  ListDocumentVersionsRequest,
  Tag,
  UpdateDocumentDefaultVersionRequest,
  UpdateDocumentRequest,
} from "@aws-sdk/client-ssm";
import { CloudError } from "../../errors.ts";
import type { Operation, World } from "../../service.ts";
import { parseContent, type Content } from "./content.ts";
import { page } from "./page.ts";

/** Systems Manager keeps up to 1,000 versions of a document. */
const VERSIONS_MAX = 1000;
const LIST_MAX = 50;

interface Version {
  readonly version: number;
  readonly name: string | undefined;
  readonly text: string;
  readonly content: Content;
  readonly format: "JSON" | "YAML";
  readonly at: number;
}

interface Row {
  readonly name: string;
  readonly owner: string;
  readonly targetType: string | undefined;
  versions: Version[];
  defaultVersion: number;
  tags: Tag[];
}

export interface Documents {
  readonly operations: Record<string, Operation>;
  /** The default version's content, or that of the named version. Throws InvalidDocument, InvalidDocumentVersion. */
  content(name: string, version: string | undefined): { name: string; version: string; content: Content; hash: string };
  tagsOf(name: string): { get: () => Tag[]; set: (tags: Tag[]) => void };
}

/** As AWS publishes it (`aws ssm get-document --name AWS-RunShellScript`), without the Windows part. */
const RUN_SHELL_SCRIPT = JSON.stringify({
  schemaVersion: "2.2",
  description: "Run a shell script or specify the commands to run.",
  parameters: {
    commands: { type: "StringList", description: "(Required) Specify a shell script or a command to run." },
    workingDirectory: { type: "String", default: "", description: "(Optional) The path to the working directory." },
    executionTimeout: {
      type: "String",
      default: "3600",
      description: "(Optional) The time in seconds for a command to complete before it is considered to have failed.",
      allowedPattern: "([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(17[0-1][0-9]{3})|(172[0-7][0-9]{2})|(172800)",
    },
  },
  mainSteps: [
    {
      action: "aws:runShellScript",
      name: "runShellScript",
      inputs: {
        runCommand: ["{{ commands }}"],
        workingDirectory: "{{ workingDirectory }}",
        timeoutSeconds: "{{ executionTimeout }}",
      },
    },
  ],
});

interface Shelf {
  readonly world: World;
  readonly rows: Map<string, Row>;
}

const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

const version = (shelf: Shelf, number: number, text: string, format: Version["format"], name?: string): Version => ({
  version: number,
  name,
  text,
  content: parseContent(text),
  format,
  at: shelf.world.clock.now(),
});

function rowOf(shelf: Shelf, reference: string | undefined): Row {
  const name = (reference ?? "").replace(/^arn:aws:ssm:[^:]*:\d*:document\//, "");
  const row = shelf.rows.get(name);
  if (row === undefined) throw new CloudError("InvalidDocument", `Document with name ${name} does not exist.`);
  return row;
}

function ownRow(shelf: Shelf, name: string | undefined): Row {
  const row = rowOf(shelf, name);
  if (row.owner === "Amazon") throw new CloudError("InvalidDocument", `Document ${row.name} is owned by Amazon.`);
  return row;
}

function versionOf(row: Row, wanted: string | undefined): Version {
  const number = wanted === "$LATEST" ? latest(row).version : Number(wanted ?? row.defaultVersion);
  const found = row.versions.find((one) => one.version === (wanted === "$DEFAULT" ? row.defaultVersion : number));
  if (found === undefined) {
    throw new CloudError(
      "InvalidDocumentVersion",
      `The document version ${wanted ?? ""} is not valid or does not exist.`,
    );
  }
  return found;
}

function latest(row: Row): Version {
  const last = row.versions.at(-1);
  if (last === undefined) throw new CloudError("InvalidDocument", `Document ${row.name} has no version.`);
  return last;
}

const view = (row: Row, one: Version): DocumentDescription => ({
  Name: row.name,
  Owner: row.owner,
  CreatedDate: new Date(one.at),
  Status: "Active",
  DocumentVersion: String(one.version),
  VersionName: one.name,
  Description: one.content.description,
  DocumentType: "Command",
  DocumentFormat: one.format,
  SchemaVersion: "2.2",
  LatestVersion: String(latest(row).version),
  DefaultVersion: String(row.defaultVersion),
  PlatformTypes: ["Linux"],
  TargetType: row.targetType,
  Hash: hashOf(one.text),
  HashType: "Sha256",
  Parameters: [...one.content.parameters].map(([Name, declared]) => ({
    Name,
    Type: declared.type === "StringList" ? "StringList" : "String",
    Description: declared.description,
    DefaultValue: typeof declared.fallback === "object" ? JSON.stringify(declared.fallback) : declared.fallback,
  })),
  Tags: row.tags,
});

function create(shelf: Shelf, input: CreateDocumentRequest): object {
  const name = input.Name ?? "";
  if (!/^[a-zA-Z0-9_\-.]{3,128}$/.test(name) || /^(aws|amazon|amzn)/i.test(name)) {
    throw new CloudError("ValidationException", `Document name ${name} is not allowed.`);
  }
  if (shelf.rows.has(name))
    throw new CloudError("DocumentAlreadyExists", `Document with same name ${name} already exists`);
  if (input.DocumentType !== undefined && input.DocumentType !== "Command") {
    throw new CloudError("InvalidDocumentType", `Documents of type ${input.DocumentType} do not exist in this world.`);
  }
  const first = version(
    shelf,
    1,
    input.Content ?? "",
    input.DocumentFormat === "YAML" ? "YAML" : "JSON",
    input.VersionName,
  );
  const tags = input.Tags ?? [];
  const row: Row = {
    name,
    owner: shelf.world.account,
    targetType: input.TargetType,
    versions: [first],
    defaultVersion: 1,
    tags,
  };
  shelf.rows.set(name, row);
  return { DocumentDescription: view(row, first) };
}

/** A new version; the default stays until UpdateDocumentDefaultVersion. The same content again is refused, as on AWS. */
function update(shelf: Shelf, input: UpdateDocumentRequest): object {
  const row = ownRow(shelf, input.Name);
  const text = input.Content ?? "";
  versionOf(row, input.DocumentVersion ?? "$LATEST");
  if (latest(row).text === text) {
    throw new CloudError(
      "DuplicateDocumentContent",
      "The content of the association document matches another document.",
    );
  }
  if (row.versions.length >= VERSIONS_MAX) {
    throw new CloudError("DocumentVersionLimitExceeded", `The document has ${VERSIONS_MAX} versions, the maximum.`);
  }
  const format = input.DocumentFormat === "YAML" ? "YAML" : latest(row).format;
  const next = version(shelf, latest(row).version + 1, text, format, input.VersionName);
  row.versions.push(next);
  return { DocumentDescription: view(row, next) };
}

function setDefault(shelf: Shelf, input: UpdateDocumentDefaultVersionRequest): object {
  const row = ownRow(shelf, input.Name);
  row.defaultVersion = versionOf(row, input.DocumentVersion).version;
  return { Description: { Name: row.name, DefaultVersion: String(row.defaultVersion) } };
}

function get(shelf: Shelf, input: GetDocumentRequest): object {
  const row = rowOf(shelf, input.Name);
  const one = versionOf(row, input.DocumentVersion);
  return {
    Name: row.name,
    Content: one.text,
    DocumentVersion: String(one.version),
    DocumentType: "Command",
    DocumentFormat: one.format,
    Status: "Active",
    CreatedDate: new Date(one.at),
  };
}

function list(shelf: Shelf, input: ListDocumentsRequest): object {
  const wanted = (row: Row): boolean =>
    (input.Filters ?? []).every(({ Key, Values = [] }) => {
      if (Key === "Owner") return Values.some((value) => (value === "Amazon") === (row.owner === "Amazon"));
      if (Key === "Name") return Values.some((value) => row.name.startsWith(value));
      if (Key === "DocumentType") return Values.includes("Command");
      if (Key === "PlatformTypes") return Values.includes("Linux");
      throw new CloudError("InvalidFilterKey", `The filter key ${Key ?? ""} isn't valid.`);
    });
  const { rows: some, ...rest } = page([...shelf.rows.values()].filter(wanted), input, LIST_MAX);
  return { DocumentIdentifiers: some.map((row) => view(row, versionOf(row, undefined))), ...rest };
}

export function openDocuments(world: World): Documents {
  const shelf: Shelf = { world, rows: new Map() };
  shelf.rows.set("AWS-RunShellScript", {
    name: "AWS-RunShellScript",
    owner: "Amazon",
    targetType: undefined,
    versions: [version(shelf, 1, RUN_SHELL_SCRIPT, "JSON")],
    defaultVersion: 1,
    tags: [],
  });

  return {
    content(name, wanted) {
      const row = rowOf(shelf, name);
      const one = versionOf(row, wanted);
      return { name: row.name, version: String(one.version), content: one.content, hash: hashOf(one.text) };
    },
    tagsOf(name) {
      const row = ownRow(shelf, name);
      return { get: () => row.tags, set: (tags) => (row.tags = tags) };
    },
    operations: {
      CreateDocument: (input: CreateDocumentRequest) => create(shelf, input),
      UpdateDocument: (input: UpdateDocumentRequest) => update(shelf, input),
      UpdateDocumentDefaultVersion: (input: UpdateDocumentDefaultVersionRequest) => setDefault(shelf, input),
      GetDocument: (input: GetDocumentRequest) => get(shelf, input),
      ListDocuments: (input: ListDocumentsRequest) => list(shelf, input),
      DescribeDocument(input: DescribeDocumentRequest) {
        const row = rowOf(shelf, input.Name);
        return { Document: view(row, versionOf(row, input.DocumentVersion)) };
      },
      ListDocumentVersions(input: ListDocumentVersionsRequest) {
        const row = rowOf(shelf, input.Name);
        const { rows: some, ...rest } = page(row.versions.toReversed(), input, LIST_MAX);
        return {
          DocumentVersions: some.map((one) => ({
            ...view(row, one),
            IsDefaultVersion: one.version === row.defaultVersion,
          })),
          ...rest,
        };
      },
      DeleteDocument(input: DeleteDocumentRequest) {
        const row = ownRow(shelf, input.Name);
        shelf.rows.delete(row.name);
        return {};
      },
    },
  };
}
