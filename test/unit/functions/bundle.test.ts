import { afterAll, describe, expect, test } from "@jest/globals";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundled, BYTES_MAX } from "../../../bench/bundle.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-bundle-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the bundle", () => {
  test("of on-alarm carries no MySQL client and stays small", async () => {
    const bundle = await bundled("functions/on-alarm", folder);
    expect(bundle).toMatchObject({ hasMysql: false });
    expect(bundle.bytes).toBeLessThanOrEqual(BYTES_MAX);
  }, 60_000);

  test("of a function that reads the databases carries it", async () => {
    expect(await bundled("functions/panel", folder)).toMatchObject({ hasMysql: true });
  }, 60_000);
});
