"use strict";

const { readFile } = require("node:fs/promises");

/**
 * A client's schemas name their members by constants, `{ [_xN]: _aZI }`. A computed key keeps esbuild from leaving out
 * what nothing uses, and the schemas of EC2 alone are half a megabyte: the key is written out instead.
 */
const shakableSchemas = {
  name: "shakable-schemas",
  setup(build) {
    build.onLoad({ filter: /client-[^/\\]+[/\\]dist-es[/\\]schemas[/\\]schemas_\d+\.js$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      const values = new Map(
        [...text.matchAll(/^const (_\w+) = ("[^"\n]*");$/gm)].map(([, name, value]) => [name, value]),
      );
      return {
        contents: text.replace(/\[(_\w+)\]:/g, (key, name) => (values.has(name) ? `${values.get(name)}:` : key)),
      };
    });
  },
};

module.exports = [shakableSchemas];
