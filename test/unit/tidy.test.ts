import { describe, expect, test } from "@jest/globals";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** Style and the law of dependencies, as a test (docs/ARCHITECTURE.md says why each rule is there). */
const ROOT = join(import.meta.dirname, "../..");
const FOLDERS = ["bin", "bench", "functions", "lib", "local", "test"];
const LINES_MAX = 400;
const FUNCTION_FILE_LINES_MAX = 40;

interface SourceFile {
  /** From the root, with `/`. */
  readonly path: string;
  readonly text: string;
  /** Without comments; strings are kept. */
  readonly code: string;
  /** Without comments and strings. */
  readonly bare: string;
  /** Everything imported or re-exported, types too: a path from the root, or a package. */
  readonly imports: readonly string[];
}

/** A comment, or a string or regular expression that a comment's beginning may stand in. */
const COMMENT_OR_STRING =
  /\/\*[^]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|(?<=[=(,:[!&|?]\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[*])+\/[a-z]*/g;
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g;
/** A file named in quotes, alone or as the last word of a script in package.json. */
const QUOTED_FILE = /["'`](?:[^"'`\n]* )?([^"'` \n]*\.m?ts)["'`]/g;

const strip = (text: string, keepStrings: boolean): string =>
  text.replace(COMMENT_OR_STRING, (found) => {
    if (/^\/[/*]/.test(found)) return "";
    return keepStrings ? found : '""';
  });

/** Template literals hold code too: what stands in `${}` is kept. */
const bareOf = (text: string): string =>
  text.replace(COMMENT_OR_STRING, (found) => {
    if (/^\/[/*]/.test(found)) return "";
    return found.startsWith("`")
      ? [...found.matchAll(/\$\{([^}]*)\}/g)].map(([, code]) => ` ${code ?? ""} `).join(";")
      : '""';
  });

function load(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), "utf8");
  const code = strip(text, true);
  const imports = [...code.matchAll(IMPORT)].map(([, name = ""]) =>
    name.startsWith(".") ? join(dirname(path), name) : name,
  );
  return { path, text, code, bare: bareOf(text), imports };
}

const filesOf = (folder: string): string[] =>
  existsSync(join(ROOT, folder))
    ? readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
        .filter((path) => !path.includes("node_modules/") && !path.includes("/."))
    : [];

const everything = FOLDERS.flatMap(filesOf);
const sources = everything.filter((path) => path.endsWith(".ts")).map(load);
const inFolder = (...folders: string[]): SourceFile[] =>
  sources.filter(({ path }) => folders.some((folder) => path.startsWith(`${folder}/`)));

/** Every place in the files where the pattern stands, as `path:line: text`. */
const places = (files: readonly SourceFile[], pattern: RegExp): string[] =>
  files.flatMap(({ path, text, bare }) =>
    pattern.test(bare)
      ? text
          .split("\n")
          .flatMap((line, index) => (pattern.test(bareOf(line)) ? [`${path}:${index + 1}: ${line.trim()}`] : []))
      : [],
  );

const imports = (files: readonly SourceFile[], isForbidden: (name: string) => boolean): string[] =>
  files.flatMap(({ path, imports: names }) => names.filter(isForbidden).map((name) => `${path} imports ${name}`));

const startsWith =
  (...prefixes: string[]) =>
  (name: string): boolean =>
    prefixes.some((prefix) => name.startsWith(prefix));

const isImpure = (name: string): boolean =>
  /(^|\/)(clock|aws|ids|environment)\.ts$|^lib\/database\/sql\/|^lib\/aws\/|^node:/.test(name);
const givesThem = (path: string): boolean =>
  /^local\/cloud\/(clock|ids)\.ts$|^local\/cloud\/lambda\/(process-runtime|bootstrap|child)/.test(path);
const lines = ({ text }: SourceFile): number => text.trimEnd().split("\n").length;
const isEntry = (path: string): boolean =>
  path.startsWith("functions/") ||
  path.startsWith("bin/") ||
  path.endsWith(".test.ts") ||
  path.endsWith(".d.ts") ||
  /^(test|bench|local)\/[^/]+\.ts$/.test(path);

describe("the law of dependencies", () => {
  test("lib/ imports nothing of functions/, local/ or test/", () => {
    expect(imports(inFolder("lib"), startsWith("functions/", "local/", "test/", "bin/", "bench/"))).toEqual([]);
  });

  test("functions/ imports lib/ and packages only", () => {
    expect(imports(inFolder("functions"), startsWith("functions/", "local/", "test/", "bin/", "bench/"))).toEqual([]);
  });

  test("local/ and functions/ are not for tests to be imported into", () => {
    expect(imports(inFolder("local", "bin"), startsWith("test/", "bench/"))).toEqual([]);
  });

  test("the AWS SDK is imported in lib/aws/ and in a capability's aws.ts only", () => {
    const others = inFolder("lib", "functions").filter(
      ({ path }) => !path.startsWith("lib/aws/") && !path.endsWith("/aws.ts"),
    );
    expect(imports(others, startsWith("@aws-sdk/", "@smithy/"))).toEqual([]);
  });

  test("MySQL is spoken in lib/database/sql/ only, and Powertools in lib/telemetry.ts only", () => {
    const others = inFolder("lib", "functions");
    const notDatabase = others.filter(({ path }) => !path.startsWith("lib/database/sql/"));
    const notTelemetry = others.filter(({ path }) => path !== "lib/telemetry.ts");
    expect(imports(notDatabase, startsWith("mysql2"))).toEqual([]);
    expect(imports(notTelemetry, startsWith("@aws-lambda-powertools/", "@middy/"))).toEqual([]);
  });

  test("the small zod is the one that gets into a bundle", () => {
    expect(imports(inFolder("lib", "functions"), (name) => name.startsWith("zod") && name !== "zod/mini")).toEqual([]);
  });

  test("a plan imports no clock and no adapter: what it decides on is in the observation", () => {
    const plans = inFolder("lib").filter(({ path }) => path.endsWith("/plan.ts"));
    const values = plans.map((file) => ({ ...file, imports: valueImports(file) }));
    expect(plans.length).toBeGreaterThan(0);
    expect(imports(values, isImpure)).toEqual([]);
  });
});

/** Imports that are there at run time. */
const valueImports = ({ path, code }: SourceFile): string[] =>
  [...code.matchAll(/^(?:import|export)\s+(?!type\b)[^;]*?from\s*"([^"]+)"/gm)].map(([, name = ""]) =>
    name.startsWith(".") ? join(dirname(path), name) : name,
  );

const CLOCK_AND_CHANCE =
  /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\bsetTimeout\b|\bsetInterval\b|\bperformance\.now\b|\bhrtime\b|\brandomUUID\b|\brandomBytes\b/;
const PROCESS =
  /\bprocess\??\.(env|argv|exit|exitCode|hrtime|pid|cwd|memoryUsage|stdout|stderr|stdin|on|once|nextTick|kill|platform|uptime)\b/;
const SOURCES_OF_THEM = startsWith("node:timers", "node:process", "node:perf_hooks");

describe("time, chance and the environment are given", () => {
  test("in lib/, but for clock.ts, ids.ts and environment.ts", () => {
    const own = new Set(["lib/clock.ts", "lib/ids.ts", "lib/environment.ts"]);
    const others = inFolder("lib", "functions").filter(({ path }) => !own.has(path));
    expect([
      ...places(others, CLOCK_AND_CHANCE),
      ...places(others, PROCESS),
      ...imports(others, SOURCES_OF_THEM),
    ]).toEqual([]);
  });

  test("in local/cloud/, but for clock.ts, ids.ts and what really runs functions as processes", () => {
    const others = inFolder("local/cloud").filter(({ path }) => !givesThem(path));
    expect([
      ...places(others, CLOCK_AND_CHANCE),
      ...places(others, PROCESS),
      ...imports(others, SOURCES_OF_THEM),
    ]).toEqual([]);
  });
});

describe("files", () => {
  test(`of functions/ have at most ${FUNCTION_FILE_LINES_MAX} lines`, () => {
    expect(inFolder("functions").length).toBeGreaterThan(0);
    expect(
      inFolder("functions")
        .filter((file) => lines(file) > FUNCTION_FILE_LINES_MAX)
        .map(({ path }) => path),
    ).toEqual([]);
  });

  test(`have at most ${LINES_MAX} lines`, () => {
    expect(sources.filter((file) => lines(file) > LINES_MAX).map((file) => `${file.path}: ${lines(file)}`)).toEqual([]);
  });

  test("hold no `any`", () => {
    expect(places(sources, /(?::\s*|<\s*|\bas\s+|[|&]\s*|=>\s*)any\b(?!\s*[.(])|,\s*any\s*>/)).toEqual([]);
  });

  test("hold no unfinished work and no stubs", () => {
    const marker = /\bTO[D]O\b|\bFIX[M]E\b/;
    expect(sources.flatMap(({ path, text }) => (marker.test(text) ? [path] : []))).toEqual([]);
  });

  test("are all used: imported, named by another file, or an entry", () => {
    const named = new Set(sources.flatMap(({ imports: names }) => names));
    for (const path of [...everything, "package.json", "serverless.yml"].filter((each) => existsSync(join(ROOT, each))))
      for (const [, name = ""] of readFileSync(join(ROOT, path), "utf8").matchAll(QUOTED_FILE)) {
        named.add(join(dirname(path), name));
        named.add(join(name));
      }
    expect(sources.map(({ path }) => path).filter((path) => !isEntry(path) && !named.has(path))).toEqual([]);
  });
});
