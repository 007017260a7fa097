"use strict";

const { readFile } = require("node:fs/promises");

/**
 * A client's schemas name their members by constants, `{ [_xN]: _aZI }`. A computed key keeps esbuild from leaving out
 * what nothing uses, and the schemas of EC2 alone are half a megabyte: the key is written out instead. Every error of a
 * service is registered as a class, which keeps all of them: an error that is not registered is one of the service's base
 * class with the same name and message, and names are all that is asked for here (lib/aws/errors.ts).
 */
const shakableSchemas = {
  name: "shakable-schemas",
  setup(build) {
    build.onLoad({ filter: /client-[^/\\]+[/\\]dist-es[/\\]schemas[/\\]schemas_\d+\.js$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      const values = new Map(
        [...text.matchAll(/^const (_\w+) = ("[^"\n]*");$/gm)].map(([, name, value]) => [name, value]),
      );
      const plain = text.replace(/\[(_\w+)\]:/g, (key, name) => (values.has(name) ? `${values.get(name)}:` : key));
      return { contents: plain.replace(/^n\d+_registry\.registerError\(.*\);$/gm, "") };
    });
  },
};

/** The SDK reads streams of events by code that it loads when it meets one; no operation that Tandem calls has one. */
const withoutEventStreams = {
  name: "without-event-streams",
  setup(build) {
    build.onResolve({ filter: /^@smithy\/core\/event-streams$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: "event-streams", namespace: "left-out" } : undefined,
    );
    build.onLoad({ filter: /./, namespace: "left-out" }, ({ path }) => ({
      contents: `throw new Error("${path} are left out of the bundles: infra/esbuild.plugins.cjs");`,
    }));
  },
};

module.exports = [shakableSchemas, withoutEventStreams];
