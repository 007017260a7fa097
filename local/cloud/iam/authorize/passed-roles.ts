type Input = Readonly<Record<string, unknown>>;

/** A role that a call hands over to a service of the cloud, which will act with it. */
export interface PassedRole {
  /** The role's name where the call names it so. */
  readonly roleArn: string;
  /** e.g. `lambda.amazonaws.com`. */
  readonly to: string;
}

export interface RoleSources {
  /** ARN of the role of an instance profile by its name or ARN; undefined when there is none. */
  profileRole(profile: string): string | undefined;
  /** Name or ARN of the instance profile of a launch template, named as in a request; undefined when it has none. */
  templateProfile(named: Input): string | undefined;
}

/** Members that hold a role's ARN, and who gets it. */
const ROLE_MEMBERS: Readonly<Record<string, readonly [path: readonly string[], to: string]>> = {
  "lambda:CreateFunction": [["Role"], "lambda.amazonaws.com"],
  "lambda:UpdateFunctionConfiguration": [["Role"], "lambda.amazonaws.com"],
  "events:PutRule": [["RoleArn"], "events.amazonaws.com"],
  "scheduler:CreateSchedule": [["Target", "RoleArn"], "scheduler.amazonaws.com"],
  "scheduler:UpdateSchedule": [["Target", "RoleArn"], "scheduler.amazonaws.com"],
  "cloudformation:CreateStack": [["RoleARN"], "cloudformation.amazonaws.com"],
  "cloudformation:UpdateStack": [["RoleARN"], "cloudformation.amazonaws.com"],
  "cloudformation:CreateChangeSet": [["RoleARN"], "cloudformation.amazonaws.com"],
  "backup:CreateBackupSelection": [["BackupSelection", "IamRoleArn"], "backup.amazonaws.com"],
  "iam:AddRoleToInstanceProfile": [["RoleName"], "ec2.amazonaws.com"],
};

/** Calls that start instances, now or later, and where they name the launch template. */
const LAUNCHES: Readonly<Record<string, readonly string[]>> = {
  "ec2:RunInstances": ["LaunchTemplate"],
  "autoscaling:CreateAutoScalingGroup": ["LaunchTemplate"],
  "autoscaling:UpdateAutoScalingGroup": ["LaunchTemplate"],
  "autoscaling:StartInstanceRefresh": ["DesiredConfiguration", "LaunchTemplate"],
};

const isInput = (value: unknown): value is Input => typeof value === "object" && value !== null;

const at = (input: Input, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, name) => (isInput(value) ? value[name] : undefined), input);

const textAt = (input: Input, path: readonly string[]): string | undefined => {
  const found = at(input, path);
  return typeof found === "string" ? found : undefined;
};

/** The launch template that a call is going to start instances from, as it names it. */
export function launchTemplateOf(service: string, operation: string, input: Input): Input | undefined {
  const path = LAUNCHES[`${service}:${operation}`];
  const template = path === undefined ? undefined : at(input, path);
  return isInput(template) ? template : undefined;
}

function targetRoles({ Targets: targets }: Input): readonly PassedRole[] {
  const roles = (Array.isArray(targets) ? targets : []).map((target: unknown) =>
    isInput(target) ? textAt(target, ["RoleArn"]) : undefined,
  );
  return roles.flatMap((roleArn) => (roleArn === undefined ? [] : [{ roleArn, to: "events.amazonaws.com" }]));
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html */
export function passedRoles(
  sources: RoleSources,
  service: string,
  operation: string,
  input: Input,
): readonly PassedRole[] {
  const name = `${service}:${operation}`;
  const [path, to] = ROLE_MEMBERS[name] ?? [];
  const given = path === undefined ? undefined : textAt(input, path);
  if (given !== undefined && to !== undefined) return [{ roleArn: given, to }];
  if (name === "events:PutTargets") return targetRoles(input);
  if (LAUNCHES[name] === undefined) return [];
  const template = launchTemplateOf(service, operation, input);
  const profile =
    textAt(input, ["IamInstanceProfile", "Arn"]) ??
    textAt(input, ["IamInstanceProfile", "Name"]) ??
    (template && sources.templateProfile(template));
  const roleArn = profile === undefined ? undefined : sources.profileRole(profile);
  return roleArn === undefined ? [] : [{ roleArn, to: "ec2.amazonaws.com" }];
}
