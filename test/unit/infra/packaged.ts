import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const root = join(import.meta.dirname, "../../..");
/** Packaging takes some seconds; on a loaded machine more. */
const PACKAGING_MS_MAX = 120_000;

export interface Packaged {
  readonly file: string;
  readonly template: string;
  /** Removes what packaging wrote. */
  remove(): void;
}

/**
 * What `serverless package` makes of the repository: the template that a user deploys. It has folders of its own, so
 * that a deployment may run at the same time. Rejects with the framework's words when it refuses.
 */
export async function packaged(stage: string, parameters: Readonly<Record<string, string>> = {}): Promise<Packaged> {
  mkdirSync(join(root, ".tandem"), { recursive: true });
  const folder = mkdtempSync(join(root, ".tandem/package-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const options = Object.entries(parameters).flatMap(([name, value]) => ["--param", `${name}=${value}`]);
  const environment = {
    ...process.env,
    AWS_REGION: "eu-west-1",
    TANDEM_BUILD_FOLDER: folder.slice(root.length + 1).concat("/build"),
  };
  const program = join(root, "node_modules/.bin/serverless");
  const args = ["package", "--stage", stage, "--package", join(folder, "package"), ...options];
  try {
    await run(program, args, { cwd: root, env: withoutFarm(environment), timeout: PACKAGING_MS_MAX });
  } catch (error) {
    remove();
    // An error of Node's own is no instance of this realm's Error in a test.
    const said: Record<string, unknown> = Object(error);
    throw new Error(`${String(said["stdout"])}${String(said["stderr"])}`, { cause: error });
  }
  const file = join(folder, "package/cloudformation-template-update-stack.json");
  return { file, template: readFileSync(file, "utf8"), remove };
}

/** A farm's environment would name a stage, a size and an endpoint. */
const withoutFarm = (environment: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !/^(TANDEM_(STAGE|LOCAL_WEB|LOCAL_FLAVOUR)|AWS_ENDPOINT_URL)$/.test(name),
    ),
  );
