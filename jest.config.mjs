/** jest 30 runs TypeScript by Node's own type stripping; @middy/core is ESM only, hence vm modules. */
export default {
  testEnvironment: "node",
  transform: {},
  extensionsToTreatAsEsm: [".ts"],
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  modulePathIgnorePatterns: ["<rootDir>/.tandem", "<rootDir>/.esbuild", "<rootDir>/.serverless"],
  watchman: false,
};
