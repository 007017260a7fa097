import type { Emit } from "../../bus/emit.ts";
import type { Service, World } from "../../service.ts";
import type { Machine } from "../ec2/compute.ts";
import type { InstanceRecord } from "../ec2/instance.ts";
import { openAgents } from "./agent.ts";
import { openCommands } from "./command.ts";
import { commandOperations } from "./command-operations.ts";
import { openDocuments } from "./document.ts";
import { openParameterStore, parameterArn } from "./parameter.ts";
import { tagOperations } from "./tag.ts";

function resourceOf(world: World, operation: string, input: Readonly<Record<string, unknown>>): string {
  const document = operation.includes("Document") ? input["Name"] : input["DocumentName"];
  if (typeof document === "string") {
    if (document.startsWith("arn:")) return document;
    const account = /^(AWS|Amazon)/.test(document) ? "" : world.account;
    return `arn:aws:ssm:${world.region}:${account}:document/${document}`;
  }
  const parameter = input["Name"] ?? input["Path"];
  if (operation.includes("Parameter") && typeof parameter === "string") {
    return parameter.startsWith("arn:") ? parameter : parameterArn(world, parameter.split(":")[0] ?? parameter);
  }
  return "*";
}

/** Parameter Store, command documents and Run Command, whose scripts run on the machines of the instances. */
export function openSsm(
  world: World,
  around: {
    machine: (instanceId: string) => Machine | undefined;
    onInstanceChange: (listener: (instance: InstanceRecord) => void) => void;
    emit: Emit;
  },
): { readonly service: Service } {
  const parameters = openParameterStore(world);
  const documents = openDocuments(world);
  const agents = openAgents(world, around.onInstanceChange, (id) => around.machine(id)?.cutOffSince);
  const commands = openCommands(world, { ...around, documents, agents });
  return {
    service: {
      id: "ssm",
      operations: {
        ...parameters.operations,
        ...documents.operations,
        ...agents.operations,
        ...commandOperations(commands),
        ...tagOperations(parameters, documents),
      },
      resourceOf: (operation, input) => resourceOf(world, operation, input),
      async close() {
        agents.close();
        commands.close();
      },
    },
  };
}
