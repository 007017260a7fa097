import { SuspendProcessesCommand, type AutoScalingClient } from "@aws-sdk/client-auto-scaling";
import { StartInstancesCommand, StopInstancesCommand, type EC2Client } from "@aws-sdk/client-ec2";
import {
  ChangeResourceRecordSetsCommand,
  ListResourceRecordSetsCommand,
  type Route53Client,
} from "@aws-sdk/client-route-53";
import { GetSecretValueCommand, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import * as z from "zod/mini";
import { callAws } from "../aws/errors.ts";
import { TandemError } from "../errors.ts";
import type { Credentials } from "./driver.ts";

export interface DatabaseClients {
  readonly autoScaling: AutoScalingClient;
  readonly ec2: EC2Client;
  readonly secretsManager: SecretsManagerClient;
}

export interface RecordClients {
  readonly route53: Route53Client;
}

/** Short, because people look a name up when something has just changed. */
const TTL_SECONDS = 5;

/** Points A records at addresses, by full name. Writing what is there is a no-op. */
export async function pointRecords(
  { route53 }: RecordClients,
  zone: string,
  records: Readonly<Record<string, string>>,
): Promise<void> {
  const Changes = Object.entries(records).map(([Name, Value]) => ({
    Action: "UPSERT" as const,
    ResourceRecordSet: { Name, Type: "A" as const, TTL: TTL_SECONDS, ResourceRecords: [{ Value }] },
  }));
  await callAws(`point ${Object.keys(records).join(" and ")} in zone ${zone}`, () =>
    route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: zone, ChangeBatch: { Changes } })),
  );
}

/** Removes the A records of these names that are there, by full name. */
export async function removeRecords({ route53 }: RecordClients, zone: string, names: readonly string[]): Promise<void> {
  for (const name of names)
    await callAws(`remove ${name} from zone ${zone}`, async () => {
      const from = { StartRecordName: name, StartRecordType: "A" as const, MaxItems: 1 };
      const { ResourceRecordSets: found = [] } = await route53.send(
        new ListResourceRecordSetsCommand({ HostedZoneId: zone, ...from }),
      );
      // The list begins at the name, or at what comes after it.
      const Changes = found
        .filter(({ Name, Type }) => Name?.replace(/\.$/, "") === name && Type === "A")
        .map((ResourceRecordSet) => ({ Action: "DELETE" as const, ResourceRecordSet }));
      if (Changes.length > 0)
        await route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: zone, ChangeBatch: { Changes } }));
    });
}

const secretSchema = z.object({ username: z.string(), password: z.string() });

/** Adapter of the database tier: one function per AWS call, without SDK types. All throw TandemError. */
export function databaseAws({ autoScaling, ec2, secretsManager }: DatabaseClients) {
  return {
    /** Name and password of a database user. Neither appears in an error. */
    async credentials(secret: string): Promise<Credentials> {
      const answer = await callAws(`read secret ${secret}`, () =>
        secretsManager.send(new GetSecretValueCommand({ SecretId: secret })),
      );
      const read = secretSchema.safeParse(parsed(answer.SecretString ?? ""));
      if (read.success) return read.data;
      throw new TandemError("secret-malformed", `secret ${secret} is not JSON with username and password`, {
        next: "restore the secret's value, or delete the secret and deploy again",
      });
    },
    /** Without asking its operating system, which may be what does not answer. Stopping what is stopped is a no-op. */
    async stopMachine(instanceId: string): Promise<void> {
      await callAws(`stop ${instanceId}`, () =>
        ec2.send(new StopInstancesCommand({ InstanceIds: [instanceId], Force: true })),
      );
    },
    async startMachine(instanceId: string): Promise<void> {
      await callAws(`start ${instanceId}`, () => ec2.send(new StartInstancesCommand({ InstanceIds: [instanceId] })));
    },
    /** Suspending what is suspended is a no-op. */
    async suspend(group: string, processes: readonly string[]): Promise<void> {
      const input = { AutoScalingGroupName: group, ScalingProcesses: [...processes] };
      await callAws(`suspend ${processes.join(", ")} of ${group}`, () =>
        autoScaling.send(new SuspendProcessesCommand(input)),
      );
    },
  };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
