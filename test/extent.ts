/** `npm run test:all`: everything. Otherwise the part that fits into the ten minutes of `npm test`. */
export const isAll = process.env["TANDEM_TEST_ALL"] === "1";
