"use strict";

const { join } = require("node:path");

/** Bundles of the functions: the SDK is bundled from its module sources, which loads fastest (measured in bench/). */
module.exports = () => ({
  bundle: true,
  minify: true,
  format: "cjs",
  outputFileExtension: ".cjs",
  mainFields: ["module", "main"],
  platform: "node",
  target: "node24",
  alias: { "@aws-sdk/credential-provider-node": join(__dirname, "function-credentials.mjs") },
  plugins: "infra/esbuild.plugins.cjs",
  exclude: [],
  keepOutputDirectory: false,
});
