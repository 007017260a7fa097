import type { Environment } from "./environment.ts";
import type { ScheduledFloor } from "./fleet/schedule.ts";

export const DATABASE_NODES = ["db-a", "db-b"] as const;
export type DatabaseNode = (typeof DATABASE_NODES)[number];

/** What the operator wants of a farm, and the names that follow from its stage. Immutable for a process's life. */
export interface Spec {
  readonly stage: string;
  /** Prefix of every name: `tandem-<stage>`. */
  readonly farm: string;
  readonly world: "aws" | "local";
  readonly region: string;
  /** Twelve digits; absent where the deployment does not say. */
  readonly account?: string;
  /** State table. */
  readonly table: string;
  /** Auto Scaling groups. */
  readonly webGroup: string;
  /** Of the second class of web nodes, which serves the administration. */
  readonly specialGroup: string;
  /** There is such a class. One that a deployment has just taken away still has nodes that leave. */
  readonly hasSpecial: boolean;
  readonly databaseGroups: Readonly<Record<DatabaseNode, string>>;
  /** Fixed private IPv4 addresses of the database servers. */
  readonly databaseAddresses: Readonly<Record<DatabaseNode, string>>;
  /** ElastiCache cluster of Memcached. */
  readonly cacheCluster: string;
  /** Server and path of the shared files; absent where the deployment does not say. */
  readonly share?: string;
  /** Identities of the CloudFront distribution and of the Route 53 zones; absent where the farm has none. */
  readonly distribution?: string;
  readonly publicZone?: string;
  readonly privateZone?: string;
  /** Lifecycle hooks, of the same name on every group. */
  readonly hooks: { readonly launch: string; readonly terminate: string };
  /** SSM documents. */
  readonly documents: Readonly<Record<"launch" | "drain" | "fence" | "cron", string>>;
  /** Target group of the web nodes. */
  readonly targetGroup: string;
  /** CloudWatch namespace of what the web nodes publish. */
  readonly metricNamespace: string;
  /** Secrets are `<prefix>/database/<user>` and `<prefix>/wordpress/salts`. */
  readonly secretsPrefix: string;
  readonly functions: {
    readonly onInterruption: string;
    readonly onLifecycle: string;
    readonly onAlarm: string;
    readonly watchDatabase: string;
    readonly watchFarm: string;
    readonly maintain: string;
    readonly panel: string;
    readonly provision: string;
  };
  /** php-fpm workers of one web node: its capacity in requests at a time. */
  readonly workersPerNode: number;
  /** Share of the workers that a calm load may keep busy, in percent; a volatile one leaves more of them free. */
  readonly targetBusyPercent: number;
  readonly scaleInCooldownSeconds: number;
  /** At least so many web nodes at certain hours. */
  readonly webFloors: readonly ScheduledFloor[];
  /** Every plan is a dry run. */
  readonly observeOnly: boolean;
}

/** The spec of the farm that the environment names. Pure. */
export function specOf(environment: Environment): Spec {
  const { stage } = environment;
  const farm = `tandem-${stage}`;
  return {
    ...environment,
    farm,
    table: `${farm}-state`,
    webGroup: `${farm}-web`,
    specialGroup: `${farm}-special`,
    databaseGroups: { "db-a": `${farm}-db-a`, "db-b": `${farm}-db-b` },
    cacheCluster: farm,
    hooks: { launch: "tandem-launch", terminate: "tandem-terminate" },
    documents: { launch: `${farm}-launch`, drain: `${farm}-drain`, fence: `${farm}-fence`, cron: `${farm}-cron` },
    targetGroup: `${farm}-web`,
    metricNamespace: "Tandem",
    secretsPrefix: `tandem/${stage}`,
    functions: {
      onInterruption: `${farm}-on-interruption`,
      onLifecycle: `${farm}-on-lifecycle`,
      onAlarm: `${farm}-on-alarm`,
      watchDatabase: `${farm}-watch-database`,
      watchFarm: `${farm}-watch-farm`,
      maintain: `${farm}-maintain`,
      panel: `${farm}-panel`,
      provision: `${farm}-provision`,
    },
  };
}

/** The groups of web nodes, of each class. */
export const webGroups = ({ webGroup, specialGroup }: Pick<Spec, "webGroup" | "specialGroup">): readonly string[] => [
  webGroup,
  specialGroup,
];
