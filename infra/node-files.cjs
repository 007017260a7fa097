"use strict";
const { createHash } = require("node:crypto");
const { execFileSync } = require("node:child_process");
const { readFileSync } = require("node:fs");
const path = require("node:path");
const { gzipSync } = require("node:zlib");
const { PutObjectCommand, S3Client } = require("@aws-sdk/client-s3");

/** EC2 takes 16 KB of user data before base64; the rest of a node's files comes from S3. */
const USER_DATA_BYTES_MAX = 16 * 1024;

const CLASSES = { web: "web", special: "web", "db-a": "database", "db-b": "database" };

/**
 * Serverless plugin: packs `infra/nodes/` (what runs on the machines) into one archive named by its content, uploads it
 * to the deployment bucket before the stack changes, and offers
 * `${nodeFiles:key}` (its S3 key), `${nodeFiles:sha256}` and `${nodeFiles:userData(<node>)}` to the template.
 * A changed file changes the key, hence the launch template, hence what the next instance boots with.
 */
module.exports = class NodeFiles {
  constructor(serverless, _options, { log }) {
    this.serverless = serverless;
    this.log = log;
    this.folder = path.join(serverless.serviceDir, "infra/nodes");
    this.hooks = { "after:aws:deploy:deploy:uploadArtifacts": () => this.upload() };
    this.configurationVariablesSources = {
      nodeFiles: { resolve: async (request) => ({ value: await this.resolve(request) }) },
    };
  }

  async resolve({ address, resolveVariable }) {
    const stage = await resolveVariable("sls:stage");
    if (address === "key") return this.key(stage);
    if (address === "sha256") return this.archive().sha256;
    const node = /^userData\((.+)\)$/.exec(address ?? "")?.[1];
    if (node && CLASSES[node]) return this.userData(node, stage, resolveVariable);
    throw new Error(
      `nodeFiles:${address} is not known; use key, sha256 or userData(${Object.keys(CLASSES).join("|")})`,
    );
  }

  key(stage) {
    // Below the prefix that the framework empties on `remove`.
    return `serverless/tandem/${stage}/node-files/${this.archive().sha256}.tar.gz`;
  }

  archive() {
    if (this.packed) return this.packed;
    const tar = execFileSync(
      "tar",
      ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX", "-cf", "-", "."],
      { cwd: this.folder, maxBuffer: 64 * 1024 * 1024 },
    );
    const body = gzipSync(tar, { level: 9 });
    this.packed = { body, sha256: createHash("sha256").update(body).digest("hex") };
    return this.packed;
  }

  async userData(node, stage, resolveVariable) {
    const parameter = (name) => resolveVariable(`param:${name}`);
    const script = readFileSync(path.join(this.folder, "user-data.sh"), "utf8");
    if (Buffer.byteLength(script) > USER_DATA_BYTES_MAX - 2048)
      throw new Error("infra/nodes/user-data.sh leaves no room in 16 KB of user data");
    const tandem = await resolveVariable("self:custom.tandem");
    const exports = {
      TANDEM_STAGE: stage,
      TANDEM_CLASS: CLASSES[node],
      TANDEM_NODE: node,
      TANDEM_BUCKET: { Ref: "ServerlessDeploymentBucket" },
      TANDEM_FILES_KEY: this.key(stage),
      TANDEM_FILES_SHA256: this.archive().sha256,
      TANDEM_REGION: { Ref: "AWS::Region" },
      TANDEM_DB_A: tandem.databaseAddressA,
      TANDEM_DB_B: tandem.databaseAddressB,
      ...(CLASSES[node] !== "web" && { TANDEM_FLAVOUR: String(await parameter("databaseFlavour")) }),
      ...(CLASSES[node] === "web" && {
        TANDEM_SITE_URL: tandem.siteUrl,
        TANDEM_SHARE: tandem.share,
        TANDEM_SHARE_MOUNT: String(await parameter("shareMount")),
        TANDEM_CACHE: tandem.cache,
        TANDEM_PHP_WORKERS: String(await parameter(node === "special" ? "specialPhpWorkers" : "phpWorkers")),
        TANDEM_DECLARED_WAIT: String(await parameter("declaredWait")),
      }),
    };
    const lines = Object.entries(exports).flatMap(([name, value]) => [`export ${name}='`, value, "'\n"]);
    // A resolved value is searched for variables again, and `${X:-default}` of the shell looks like one: hence base64.
    const body = Buffer.from(script).toString("base64");
    return {
      "Fn::Base64": {
        "Fn::Join": ["", ["#!/usr/bin/env bash\n", ...lines, `base64 -d <<'SCRIPT' | bash\n${body}\nSCRIPT\n`]],
      },
    };
  }

  async upload() {
    const stage = this.serverless.service.provider.stage;
    const provider = this.serverless.getProvider("aws");
    const Bucket = await provider.getServerlessDeploymentBucketName();
    const Key = this.key(stage);
    this.log.info(`Uploading node files to ${Key}`);
    // Path style, as the framework itself does: an endpoint on loopback has no names for buckets.
    const client = new S3Client({ ...(await provider.getAwsSdkV3Config()), forcePathStyle: true });
    await client.send(
      new PutObjectCommand({ Bucket, Key, Body: this.archive().body, ContentType: "application/gzip" }),
    );
  }
};
