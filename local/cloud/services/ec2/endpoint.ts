import type {
  CreateVpcEndpointRequest,
  DeleteVpcEndpointsRequest,
  DescribeVpcEndpointsRequest,
  ModifyVpcEndpointRequest,
  VpcEndpoint,
} from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import { newId, type Ec2State, type EndpointRow } from "./state.ts";
import { page, required, tagsFor } from "./table.ts";

const PENDING_MS = 100;
const DELETING_MS = 100;

const view = (state: Ec2State, row: EndpointRow): VpcEndpoint => ({
  VpcEndpointId: row.id,
  VpcEndpointType: row.type,
  VpcId: row.vpcId,
  ServiceName: row.serviceName,
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- EC2 answers in lower case, the SDK's enumeration is capitalised
  State: row.state as VpcEndpoint["State"],
  PolicyDocument: row.policy,
  RouteTableIds: row.routeTableIds,
  SubnetIds: row.subnetIds,
  Groups: row.groupIds.map((id) => ({ GroupId: id, GroupName: state.groups.find(id)?.name })),
  PrivateDnsEnabled: row.privateDns,
  RequesterManaged: false,
  CreationTimestamp: new Date(row.createdAt),
  OwnerId: state.world.account,
  Tags: row.tags,
});

function create(state: Ec2State, input: CreateVpcEndpointRequest): object {
  const vpc = state.vpcs.get(required(input.VpcId, "vpcId"));
  const type = input.VpcEndpointType ?? "Gateway";
  if (type !== "Gateway" && type !== "Interface") {
    throw new CloudError("InvalidParameterValue", `VPC endpoints of type ${type} do not exist in this world`);
  }
  const row: EndpointRow = state.endpoints.put({
    id: newId(state, "vpce"),
    tags: tagsFor(input.TagSpecifications, "vpc-endpoint"),
    vpcId: vpc.id,
    serviceName: required(input.ServiceName, "serviceName"),
    type,
    createdAt: state.world.clock.now(),
    policy: input.PolicyDocument,
    routeTableIds: (input.RouteTableIds ?? []).map((id) => state.routeTables.get(id).id),
    subnetIds: (input.SubnetIds ?? []).map((id) => state.subnets.get(id).id),
    groupIds: (input.SecurityGroupIds ?? []).map((id) => state.groups.get(id).id),
    privateDns: input.PrivateDnsEnabled ?? false,
    state: type === "Gateway" ? "available" : "pending",
  });
  state.world.clock.after(PENDING_MS, () => {
    if (row.state === "pending") row.state = "available";
  });
  return { VpcEndpoint: view(state, row) };
}

const changed = (old: string[], add: string[] | undefined, without: string[] | undefined): string[] => [
  ...new Set([...old.filter((id) => without?.includes(id) !== true), ...(add ?? [])]),
];

function modify(state: Ec2State, input: ModifyVpcEndpointRequest): object {
  const row = state.endpoints.get(input.VpcEndpointId);
  row.routeTableIds = changed(row.routeTableIds, input.AddRouteTableIds, input.RemoveRouteTableIds);
  row.subnetIds = changed(row.subnetIds, input.AddSubnetIds, input.RemoveSubnetIds);
  row.groupIds = changed(row.groupIds, input.AddSecurityGroupIds, input.RemoveSecurityGroupIds);
  row.policy = input.ResetPolicy === true ? undefined : (input.PolicyDocument ?? row.policy);
  row.privateDns = input.PrivateDnsEnabled ?? row.privateDns;
  return { Return: true };
}

/** Endpoints that do not exist are named in `Unsuccessful`; the call itself succeeds, as on EC2. */
function remove(state: Ec2State, input: DeleteVpcEndpointsRequest): object {
  const Unsuccessful = (input.VpcEndpointIds ?? []).flatMap((id) => {
    const row = state.endpoints.find(id);
    if (row === undefined) {
      const Message = `The Vpc Endpoint Id '${id}' does not exist`;
      return [{ ResourceId: id, Error: { Code: "InvalidVpcEndpoint.NotFound", Message } }];
    }
    row.state = "deleting";
    state.world.clock.after(DELETING_MS, () => state.endpoints.remove(id));
    return [];
  });
  return { Unsuccessful };
}

function describe(state: Ec2State, input: DescribeVpcEndpointsRequest): object {
  const found = state.endpoints.select(input.VpcEndpointIds, input.Filters, {
    "vpc-endpoint-id": (row) => row.id,
    "vpc-id": (row) => row.vpcId,
    "service-name": (row) => row.serviceName,
    "vpc-endpoint-state": (row) => row.state,
    "vpc-endpoint-type": (row) => row.type,
  });
  const { rows, ...rest } = page(found, input.MaxResults, input.NextToken);
  return { VpcEndpoints: rows.map((row) => view(state, row)), ...rest };
}

export const endpointOperations = (state: Ec2State): Record<string, Operation> => ({
  CreateVpcEndpoint: (input: CreateVpcEndpointRequest) => create(state, input),
  ModifyVpcEndpoint: (input: ModifyVpcEndpointRequest) => modify(state, input),
  DeleteVpcEndpoints: (input: DeleteVpcEndpointsRequest) => remove(state, input),
  DescribeVpcEndpoints: (input: DescribeVpcEndpointsRequest) => describe(state, input),
});
