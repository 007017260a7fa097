import * as z from "zod/mini";
import { allowed } from "./allowed.ts";
import { TandemError } from "./errors.ts";
import { FLOORS_WORDS, parseFloors, type ScheduledFloor } from "./fleet/schedule.ts";

/** What a function is told by its deployment. */
export interface Environment {
  readonly stage: string;
  readonly world: "aws" | "local";
  readonly region: string;
  readonly account?: string;
  /** Server and path of the shared files, e.g. `fs-0a1b.efs.eu-west-1.amazonaws.com:/`. */
  readonly share?: string;
  /** Identities of the CloudFront distribution and of the Route 53 zones, where the deployment has them. */
  readonly distribution?: string;
  readonly publicZone?: string;
  readonly privateZone?: string;
  readonly databaseAddresses: { readonly "db-a": string; readonly "db-b": string };
  readonly workersPerNode: number;
  readonly targetBusyPercent: number;
  readonly scaleInCooldownSeconds: number;
  readonly webFloors: readonly ScheduledFloor[];
  /** The farm has a second class of web nodes, for the administration. */
  readonly hasSpecial: boolean;
  readonly observeOnly: boolean;
}

/** A php-fpm pool of the largest instance type that makes sense for WordPress; more is a slip of the keyboard. */
const WORKERS_MAX = 512;
/** Beyond 95 % a node has no headroom for the time that the next one needs to boot. */
const TARGET_BUSY_MAX = 95;
/** An hour of idle nodes is waste by any standard. */
const COOLDOWN_SECONDS_MAX = 3600;

const wholeNumber = (min: number, max: number) => {
  const words = `a whole number from ${min} to ${max}`;
  const digits = z.string(words).check(z.regex(/^\d{1,6}$/, words));
  const number = z.pipe(
    digits,
    z.transform((text: string) => Number(text)),
  );
  return z.pipe(number, z.number().check(z.gte(min, words), z.lte(max, words)));
};

const yesOrNo = z.pipe(
  z.enum(["true", "false", "1", "0"], "true or false"),
  z.transform((text) => text === "true" || text === "1"),
);

const floors = z.pipe(
  z.string().check(z.refine((text) => parseFloors(text) !== undefined, FLOORS_WORDS)),
  z.transform((text) => parseFloors(text) ?? []),
);

const STAGE = "a stage name: 1 to 20 lower-case letters, digits and hyphens, beginning with a letter";
const ADDRESS = "an IPv4 address such as 10.20.10.10";
const SHARE = "an NFS server and path such as fs-0a1b.efs.eu-west-1.amazonaws.com:/";

const DISTRIBUTION = "the id of a CloudFront distribution such as E1A2B3C4D5E6F7";
const ZONE = "the id of a hosted zone such as Z1A2B3C4D5E6F7";
const zoneId = z.optional(z.string().check(z.regex(/^Z[0-9A-Z]{1,31}$/, ZONE)));

/** Each variable with what it allows; the texts complete the sentence "allowed is ...". */
const VARIABLES = {
  TANDEM_STAGE: z.string(STAGE).check(z.regex(/^[a-z][a-z0-9-]{0,19}$/, STAGE)),
  TANDEM_WORLD: z.enum(["aws", "local"], "aws or local"),
  AWS_REGION: z.string("an AWS region").check(z.regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "an AWS region such as eu-west-1")),
  TANDEM_ACCOUNT: z.optional(z.string().check(z.regex(/^\d{12}$/, "an AWS account id of 12 digits"))),
  TANDEM_DB_A: z.ipv4(ADDRESS),
  TANDEM_DB_B: z.ipv4(ADDRESS),
  TANDEM_SHARE: z.optional(z.string().check(z.regex(/^[A-Za-z0-9.-]{1,253}:\/[\w./-]{0,255}$/, SHARE))),
  TANDEM_DISTRIBUTION: z.optional(z.string().check(z.regex(/^E[0-9A-Z]{1,31}$/, DISTRIBUTION))),
  TANDEM_PUBLIC_ZONE: zoneId,
  TANDEM_PRIVATE_ZONE: zoneId,
  TANDEM_PHP_WORKERS: wholeNumber(1, WORKERS_MAX),
  TANDEM_TARGET_BUSY_PERCENT: wholeNumber(1, TARGET_BUSY_MAX),
  TANDEM_SCALE_IN_COOLDOWN_SECONDS: wholeNumber(0, COOLDOWN_SECONDS_MAX),
  TANDEM_WEB_FLOORS: z._default(floors, []),
  TANDEM_SPECIAL: z._default(yesOrNo, false),
  TANDEM_OBSERVE_ONLY: z._default(yesOrNo, false),
};

const schema = z.object(VARIABLES);

/**
 * The deployment's settings. An empty variable counts as absent, because CloudFormation cannot leave one out.
 * @param variables as in `process.env`, which is the default and is read nowhere else in `lib/`
 * @throws TandemError `bad-environment` that names every wrong variable, what it was and what it may be
 */
export function readEnvironment(variables: Readonly<Record<string, string | undefined>> = process.env): Environment {
  const given = Object.fromEntries(
    Object.keys(VARIABLES).flatMap((name) => (variables[name] ? [[name, variables[name]]] : [])),
  );
  const read = schema.safeParse(given);
  if (!read.success) throw badEnvironment(read.error.issues, given);
  const v = read.data;
  return {
    stage: v.TANDEM_STAGE,
    world: v.TANDEM_WORLD,
    region: v.AWS_REGION,
    ...(v.TANDEM_ACCOUNT === undefined ? {} : { account: v.TANDEM_ACCOUNT }),
    ...(v.TANDEM_SHARE === undefined ? {} : { share: v.TANDEM_SHARE }),
    ...(v.TANDEM_DISTRIBUTION === undefined ? {} : { distribution: v.TANDEM_DISTRIBUTION }),
    ...(v.TANDEM_PUBLIC_ZONE === undefined ? {} : { publicZone: v.TANDEM_PUBLIC_ZONE }),
    ...(v.TANDEM_PRIVATE_ZONE === undefined ? {} : { privateZone: v.TANDEM_PRIVATE_ZONE }),
    databaseAddresses: { "db-a": v.TANDEM_DB_A, "db-b": v.TANDEM_DB_B },
    workersPerNode: v.TANDEM_PHP_WORKERS,
    targetBusyPercent: v.TANDEM_TARGET_BUSY_PERCENT,
    scaleInCooldownSeconds: v.TANDEM_SCALE_IN_COOLDOWN_SECONDS,
    webFloors: v.TANDEM_WEB_FLOORS,
    hasSpecial: v.TANDEM_SPECIAL,
    observeOnly: v.TANDEM_OBSERVE_ONLY,
  };
}

function badEnvironment(issues: readonly z.core.$ZodIssue[], given: Readonly<Record<string, unknown>>): TandemError {
  const wrong = issues.map((issue) => {
    const name = String(issue.path[0]);
    const value = given[name];
    return `${name} is ${value === undefined ? "not set" : JSON.stringify(value)}, allowed is ${allowed(issue)}`;
  });
  return new TandemError("bad-environment", wrong.join("; "), {
    next: "correct the parameter in serverless.yml or the deploy command, and deploy again",
  });
}
