import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A compiled CloudFormation template. */
export interface Template {
  readonly Resources: Readonly<
    Record<string, { readonly Type: string; readonly Properties?: Readonly<Record<string, unknown>> }>
  >;
  readonly [section: string]: unknown;
}

const root = join(import.meta.dirname, "../..");
/** What the framework makes the template from. The functions' code is in it too, but not what the template says. */
const SOURCES = ["serverless.yml", "package.json", "tsconfig.json", "infra", "functions", "lib"];
const TOLD_BY = ["serverless.yml", "infra"];
/** Bundling takes some seconds; on a machine with much else to do, a minute. */
const PACKAGE_MS_MAX = 180_000;

const readTemplate = (file: string): Template => JSON.parse(readFileSync(file, "utf8"));

/**
 * The template of stage `local` as `serverless package` compiles it, made anew when what it is made from has changed.
 * The framework runs in a copy of the sources, so that it never meets another run of itself.
 */
export async function packagedTemplate(): Promise<Template> {
  const folder = join(root, ".tandem/simulation");
  const file = join(folder, `template-${digest()}.json`);
  try {
    return readTemplate(file);
  } catch {
    mkdirSync(folder, { recursive: true });
  }
  const copy = mkdtempSync(join(tmpdir(), "tandem-package-"));
  try {
    for (const source of SOURCES) cpSync(join(root, source), join(copy, source), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    await promisify(execFile)(
      process.execPath,
      [join(copy, "node_modules/.bin/serverless"), "package", "--stage", "local"],
      {
        cwd: copy,
        timeout: PACKAGE_MS_MAX,
        env: { ...process.env, SLS_NOTIFICATIONS_MODE: "off", NODE_OPTIONS: "" },
      },
    );
    const draft = `${file}.${process.pid}`;
    writeFileSync(
      draft,
      withoutTime(readFileSync(join(copy, ".serverless/cloudformation-template-update-stack.json"), "utf8")),
    );
    renameSync(draft, file);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  return readTemplate(file);
}

/** The farm's second class, of one to three nodes. */
export function withSpecial(template: Template): Template {
  const parameters: object = Object(template["Parameters"]);
  const of = (count: number) => ({ Type: "String", Default: String(count) });
  return { ...template, Parameters: { ...parameters, SpecialMin: of(1), SpecialMax: of(3) } };
}

/** Another version of what the web nodes are launched from. */
export function withWebType(template: Template, type: string): Template {
  const { WebLaunchTemplate } = template.Resources;
  if (WebLaunchTemplate === undefined) throw new Error("the template has no WebLaunchTemplate");
  const LaunchTemplateData = { ...Object(WebLaunchTemplate.Properties?.["LaunchTemplateData"]), InstanceType: type };
  const Properties = { ...WebLaunchTemplate.Properties, LaunchTemplateData };
  return { ...template, Resources: { ...template.Resources, WebLaunchTemplate: { ...WebLaunchTemplate, Properties } } };
}

/** The framework puts the time of packaging in the keys of the code. */
const withoutTime = (text: string): string => text.replaceAll(/\d{13}-\d{4}-\d\d-\d\dT[\d:.]+Z/g, "0-simulation");

function digest(): string {
  const hash = createHash("sha256");
  for (const name of TOLD_BY) {
    const path = join(root, name);
    const files = name.includes(".") ? [""] : readdirSync(path, { recursive: true, encoding: "utf8" }).toSorted();
    for (const file of files) {
      const full = join(path, file);
      if (statSync(full).isFile()) hash.update(`${name}/${file}\0`).update(readFileSync(full));
    }
  }
  return hash.digest("hex").slice(0, 16);
}
