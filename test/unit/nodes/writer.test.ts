import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { nodeFiles } from "./bash.ts";

/** Asks tandem-writer for its verdict over a server that answers as the Python expression `answer` does. */
function verdict(answer: string, version = "9.7.4"): unknown {
  const script = `
import importlib.machinery, importlib.util, json, sys, types
fake = types.ModuleType("pymysql")
class MySQLError(Exception): pass
class Cursor:
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def execute(self, sql): self.columns = sql.count("@@global.")
    def fetchone(self):
        row = answer()
        assert len(row) == self.columns, "asked for what this server does not have"
        return row
class Connection:
    def cursor(self): return Cursor()
    def get_server_info(self): return ${JSON.stringify(version)}
    def _force_close(self): pass
def refuse(): raise MySQLError(1040, "Too many connections")
def slow():
    import time
    time.sleep(0.25)
    return (0, 0, 0)
fake.MySQLError = MySQLError
fake.connect = lambda **_: Connection()
sys.modules["pymysql"] = fake
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("writer", ${JSON.stringify(join(nodeFiles, "tandem-writer"))})
writer = importlib.util.module_from_spec(importlib.util.spec_from_loader("writer", loader))
loader.exec_module(writer)
answer = ${answer}
print(json.dumps(writer.Server(lambda: {"username": "x", "password": "x"}).verdict()))
`;
  const ended = spawnSync("python3", ["-W", "ignore", "-c", script], { encoding: "utf8" });
  expect(ended.stderr).toBe("");
  return JSON.parse(ended.stdout);
}

describe("the /writer responder", () => {
  test("says 200 only for a server that is open for writes", () => {
    expect(verdict("lambda: (0, 0, 0)")).toEqual([200, "writer"]);
  });

  test("says 503 and why for a server that is read-only or fenced", () => {
    expect(verdict("lambda: (1, 1, 0)")).toEqual([503, "read_only=ON, super_read_only=ON"]);
    expect(verdict("lambda: (0, 0, 1)")).toEqual([503, "offline_mode=ON"]);
  });

  test("asks a MariaDB server for read_only alone, which is its fence, in numbers or words", () => {
    const version = "5.5.5-10.11.19-MariaDB-0+deb12u1-log";

    expect(verdict("lambda: (0,)", version)).toEqual([200, "writer"]);
    expect(verdict("lambda: (1,)", version)).toEqual([503, "read_only=ON"]);
    expect(verdict("lambda: ('OFF',)", version)).toEqual([200, "writer"]);
    expect(verdict("lambda: ('NO_LOCK',)", version)).toEqual([503, "read_only=ON"]);
  });

  test("says 503 for a server that refuses or is too slow: what cannot be known is not a writer", () => {
    expect(verdict("refuse")).toEqual([503, expect.stringContaining("Too many connections")]);
    expect(verdict("slow")).toEqual([503, "the server does not answer in time"]);
  });
});
