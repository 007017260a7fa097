import { build, type BuildOptions, type Metafile, type Plugin } from "esbuild";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { processRuntime } from "../local/cloud/lambda/process-runtime.ts";
import { median } from "./figures.ts";

/** Promised of every function that does not talk to MySQL (docs/ARCHITECTURE.md). */
export const BYTES_MAX = 450_000;
const INIT_RATIO_MAX = 1.5;

/** Odd, so that the median is a measurement; a machine that does something else meanwhile disturbs a few of them. */
const COLD_STARTS = 15;
/** Memory decides the share of a processor on AWS, and here only the heap. */
const MEMORY_MB = 512;

const ROOT = join(import.meta.dirname, "..");
const EMPTY = "bench/empty-handler";
const NOTHING = "bench/nothing";

interface Bundle {
  /** From the root, without extension: `functions/on-alarm`. */
  readonly entry: string;
  readonly bytes: number;
  readonly hasMysql: boolean;
}

/** Size and init time of every function, beside an empty handler with one client. True: all keep to the limits. */
export async function bundle(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "tandem-bundle-"));
  try {
    const functions = readdirSync(join(ROOT, "functions")).map((file) => `functions/${basename(file, ".ts")}`);
    const bundles = await Promise.all([NOTHING, EMPTY, ...functions].map((entry) => bundled(entry, folder)));
    const init = await initTimes(bundles, folder);
    const of = (entry: string): number => init.get(entry) ?? Number.NaN;
    const rows = bundles
      .filter(({ entry }) => entry !== NOTHING)
      .map((each) => ({ ...each, initMs: of(each.entry), loadMs: of(each.entry) - of(NOTHING) }));
    return report(rows, of(NOTHING));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** https://github.com/floydspace/serverless-esbuild: esbuild's own options, the plugins by file, and what is left out here. */
type ServerlessEsbuildOptions = Omit<BuildOptions, "plugins"> & {
  readonly plugins: string;
  readonly outputFileExtension: string;
  readonly exclude: unknown;
  readonly keepOutputDirectory: unknown;
};

/** Builds into the folder, as serverless-esbuild would. */
export async function bundled(entry: string, folder: string): Promise<Bundle> {
  const require = createRequire(import.meta.url);
  const config: () => ServerlessEsbuildOptions = require("../infra/esbuild.config.cjs");
  const {
    exclude: _exclude,
    keepOutputDirectory: _keep,
    outputFileExtension,
    plugins: pluginsFile,
    ...options
  } = config();
  const plugins: Plugin[] = require(join(ROOT, pluginsFile));
  const { metafile } = await build({
    ...options,
    plugins,
    metafile: true,
    absWorkingDir: ROOT,
    entryPoints: [`${entry}.ts`],
    outdir: folder,
    outbase: ROOT,
    outExtension: { ".js": outputFileExtension },
  });
  const bytes = statSync(join(folder, `${entry}${outputFileExtension}`)).size;
  return { entry, bytes, hasMysql: contains(metafile, "node_modules/mysql2/") };
}

const contains = ({ outputs }: Metafile, path: string): boolean =>
  Object.values(outputs).some(({ inputs }) => Object.keys(inputs).some((input) => input.includes(path)));

/** Median of cold starts, in milliseconds, by entry. They take turns, so that a busy moment is nobody's own. */
async function initTimes(bundles: readonly Bundle[], folder: string): Promise<ReadonlyMap<string, number>> {
  const times = new Map<string, number[]>(bundles.map(({ entry }) => [entry, []]));
  for (let round = 0; round < COLD_STARTS; round++)
    for (const [entry, measured] of times) measured.push(await coldStart(entry, folder));
  return new Map([...times].map(([entry, measured]) => [entry, median(measured)]));
}

/** From the fork of the process to the loaded handler. */
async function coldStart(entry: string, codeFolder: string): Promise<number> {
  const startedAt = performance.now();
  const environment = processRuntime().start({
    functionName: basename(entry),
    codeFolder,
    handler: `${entry}.handler`,
    runtime: "nodejs24.x",
    memoryMb: MEMORY_MB,
    variables: { AWS_REGION: "eu-west-1", POWERTOOLS_METRICS_NAMESPACE: "Tandem", POWERTOOLS_SERVICE_NAME: "bench" },
    output: () => undefined,
  });
  const fault = await environment.ready;
  const ms = performance.now() - startedAt;
  await environment.kill();
  if (fault !== undefined) throw new Error(`${entry} does not start: ${fault.errorMessage}`);
  return ms;
}

interface Row extends Bundle {
  readonly initMs: number;
  /** Of `initMs`, what is left when the process and the bootstrap are taken off. */
  readonly loadMs: number;
}

/** The ratio is of the init as a whole; the load alone is shown beside it, because that is what a bundle can change. */
function report(rows: readonly Row[], processMs: number): boolean {
  const empty = rows.find(({ entry }) => entry === EMPTY);
  if (empty === undefined) throw new Error(`${EMPTY} was not measured`);
  console.log(`median of ${COLD_STARTS} cold starts each; process and bootstrap alone: ${processMs.toFixed(0)} ms`);
  console.log(line("function", "bytes", "init", "ratio", "load", "ratio", ""));
  const faults = rows.flatMap((row) => {
    const initRatio = row.initMs / empty.initMs;
    const bound = !row.hasMysql && row !== empty;
    const wrong = [
      ...(bound && row.bytes > BYTES_MAX ? [`over ${BYTES_MAX} bytes`] : []),
      ...(bound && initRatio > INIT_RATIO_MAX ? [`init over ${INIT_RATIO_MAX}x of the empty handler`] : []),
    ];
    const note = row === empty ? "one client" : row.hasMysql ? "talks to MySQL" : wrong.join(", ") || "within limits";
    const [init, load] = [row.initMs.toFixed(0), row.loadMs.toFixed(0)];
    const loadRatio = row.loadMs / empty.loadMs;
    console.log(line(row.entry, String(row.bytes), init, initRatio.toFixed(2), load, loadRatio.toFixed(2), note));
    return wrong.map((what) => `${row.entry}: ${what}`);
  });
  for (const fault of faults) console.error(fault);
  return faults.length === 0;
}

const line = (name: string, bytes: string, init: string, ratio: string, load: string, loads: string, note: string) =>
  `${name.padEnd(24)}${bytes.padStart(9)} B${init.padStart(7)} ms${ratio.padStart(7)}x${load.padStart(7)} ms${loads.padStart(7)}x  ${note}`;
