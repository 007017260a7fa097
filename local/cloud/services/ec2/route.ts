import type {
  AssociateRouteTableRequest,
  CreateRouteRequest,
  CreateRouteTableRequest,
  DeleteRouteRequest,
  DeleteRouteTableRequest,
  DescribeRouteTablesRequest,
  DisassociateRouteTableRequest,
  ReplaceRouteRequest,
  ReplaceRouteTableAssociationRequest,
  RouteTable,
} from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import { cidrText, parseCidr } from "./cidr.ts";
import { newId, type Ec2State, type RouteRow, type RouteTableRow } from "./state.ts";
import { page, required, tagsFor } from "./table.ts";

/** Of MaxResults (API reference: DescribeRouteTables). */
const PAGE_SIZES = { min: 5, max: 100 };

const view = (state: Ec2State, row: RouteTableRow): RouteTable => ({
  RouteTableId: row.id,
  VpcId: row.vpcId,
  OwnerId: state.world.account,
  PropagatingVgws: [],
  Routes: row.routes.map((route) => ({
    DestinationCidrBlock: route.destination,
    ...route.target,
    Origin: route.origin,
    State: targetLives(state, row.vpcId, route) ? "active" : "blackhole",
  })),
  Associations: row.associations.map((one) => ({
    RouteTableAssociationId: one.id,
    RouteTableId: row.id,
    Main: one.main,
    AssociationState: { State: "associated" },
    ...(one.subnetId !== undefined && { SubnetId: one.subnetId }),
  })),
  Tags: row.tags,
});

function targetLives(state: Ec2State, vpcId: string, { target }: RouteRow): boolean {
  if (target.GatewayId === "local") return true;
  if (target.GatewayId !== undefined) return state.gateways.find(target.GatewayId)?.vpcId === vpcId;
  if (target.NatGatewayId !== undefined) {
    const nat = state.nats.find(target.NatGatewayId);
    return nat !== undefined && nat.state !== "deleted" && nat.state !== "deleting";
  }
  return state.interfaces.find(target.NetworkInterfaceId) !== undefined;
}

/** Exactly one target that exists, in the form in which it is kept. */
function targetOf(
  state: Ec2State,
  table: RouteTableRow,
  input: CreateRouteRequest | ReplaceRouteRequest,
): RouteRow["target"] {
  const { GatewayId, NatGatewayId, NetworkInterfaceId } = input;
  const named = [GatewayId, NatGatewayId, NetworkInterfaceId].filter((id) => id !== undefined);
  if (named.length !== 1) {
    throw new CloudError(
      "InvalidParameterCombination",
      "A route needs exactly one target: an internet gateway, a NAT gateway or a network interface",
    );
  }
  if (GatewayId !== undefined) {
    if (state.gateways.get(GatewayId).vpcId !== table.vpcId) {
      throw new CloudError(
        "InvalidParameterValue",
        `route table ${table.id} and network gateway ${GatewayId} belong to different networks`,
      );
    }
    return { GatewayId };
  }
  if (NatGatewayId !== undefined) return { NatGatewayId: state.nats.get(NatGatewayId).id };
  const networkInterface = state.interfaces.get(NetworkInterfaceId);
  return {
    NetworkInterfaceId: networkInterface.id,
    ...(networkInterface.attachment && { InstanceId: networkInterface.attachment.instanceId }),
  };
}

const destinationOf = (input: { DestinationCidrBlock?: string | undefined }): string =>
  cidrText(parseCidr(required(input.DestinationCidrBlock, "destinationCidrBlock"), "destinationCidrBlock"));

const routeNotFound = (table: RouteTableRow, destination: string): CloudError =>
  new CloudError(
    "InvalidRoute.NotFound",
    `no route with destination-cidr-block ${destination} in route table ${table.id}`,
  );

function createRoute(state: Ec2State, input: CreateRouteRequest): { Return: boolean } {
  const table = state.routeTables.get(required(input.RouteTableId, "routeTableId"));
  const destination = destinationOf(input);
  const target = targetOf(state, table, input);
  const old = table.routes.find((route) => route.destination === destination);
  if (old !== undefined && JSON.stringify(old.target) !== JSON.stringify(target)) {
    throw new CloudError("RouteAlreadyExists", `The route identified by ${destination} already exists.`);
  }
  if (old === undefined) table.routes.push({ destination, target, origin: "CreateRoute" });
  return { Return: true };
}

function replaceRoute(state: Ec2State, input: ReplaceRouteRequest): object {
  const table = state.routeTables.get(required(input.RouteTableId, "routeTableId"));
  const destination = destinationOf(input);
  const at = table.routes.findIndex((route) => route.destination === destination);
  if (at === -1) throw routeNotFound(table, destination);
  table.routes[at] = { destination, target: targetOf(state, table, input), origin: "CreateRoute" };
  return {};
}

function deleteRoute(state: Ec2State, input: DeleteRouteRequest): object {
  const table = state.routeTables.get(required(input.RouteTableId, "routeTableId"));
  const destination = destinationOf(input);
  const kept = table.routes.filter((route) => route.destination !== destination || route.target.GatewayId === "local");
  if (kept.length === table.routes.length) throw routeNotFound(table, destination);
  table.routes = kept;
  return {};
}

function createRouteTable(state: Ec2State, input: CreateRouteTableRequest): { RouteTable: RouteTable } {
  const vpc = state.vpcs.get(required(input.VpcId, "vpcId"));
  const row = state.routeTables.put({
    id: newId(state, "rtb"),
    tags: tagsFor(input.TagSpecifications, "route-table"),
    vpcId: vpc.id,
    routes: [{ destination: cidrText(vpc.cidr), target: { GatewayId: "local" }, origin: "CreateRouteTable" }],
    associations: [],
  });
  return { RouteTable: view(state, row) };
}

function deleteRouteTable(state: Ec2State, input: DeleteRouteTableRequest): object {
  const row = state.routeTables.get(input.RouteTableId);
  const usedByEndpoint = state.endpoints.all().some((endpoint) => endpoint.routeTableIds.includes(row.id));
  if (row.associations.length > 0 || usedByEndpoint) {
    throw new CloudError("DependencyViolation", `The routeTable '${row.id}' has dependencies and cannot be deleted.`);
  }
  state.routeTables.remove(row.id);
  return {};
}

function associate(state: Ec2State, input: AssociateRouteTableRequest): object {
  const row = state.routeTables.get(required(input.RouteTableId, "routeTableId"));
  const subnet = state.subnets.get(required(input.SubnetId, "subnetId"));
  if (subnet.vpcId !== row.vpcId) {
    throw new CloudError("InvalidParameterValue", `${row.id} and ${subnet.id} belong to different networks`);
  }
  const already = state.routeTables.all().find((one) => one.associations.some((other) => other.subnetId === subnet.id));
  if (already !== undefined && already !== row) {
    throw new CloudError(
      "Resource.AlreadyAssociated",
      `the specified association for route table ${row.id} conflicts with an existing association`,
    );
  }
  const old = row.associations.find((one) => one.subnetId === subnet.id);
  const association = old ?? { id: newId(state, "rtbassoc"), main: false, subnetId: subnet.id };
  if (old === undefined) row.associations.push(association);
  return { AssociationId: association.id, AssociationState: { State: "associated" } };
}

const associationNotFound = (id: string | undefined): CloudError =>
  new CloudError("InvalidAssociationID.NotFound", `The association ID '${id ?? ""}' does not exist`);

function disassociate(state: Ec2State, input: DisassociateRouteTableRequest): object {
  const row = state.routeTables.all().find((one) => one.associations.some((other) => other.id === input.AssociationId));
  const found = row?.associations.find((one) => one.id === input.AssociationId);
  if (row === undefined || found === undefined) throw associationNotFound(input.AssociationId);
  if (found.main) {
    throw new CloudError("InvalidParameterValue", `cannot disassociate the main route table association ${found.id}`);
  }
  row.associations = row.associations.filter((one) => one !== found);
  return {};
}

function replaceAssociation(state: Ec2State, input: ReplaceRouteTableAssociationRequest): object {
  const target = state.routeTables.get(required(input.RouteTableId, "routeTableId"));
  const row = state.routeTables.all().find((one) => one.associations.some((other) => other.id === input.AssociationId));
  const found = row?.associations.find((one) => one.id === input.AssociationId);
  if (row === undefined || found === undefined) throw associationNotFound(input.AssociationId);
  row.associations = row.associations.filter((one) => one !== found);
  const moved = { ...found, id: newId(state, "rtbassoc") };
  target.associations.push(moved);
  return { NewAssociationId: moved.id, AssociationState: { State: "associated" } };
}

function describeRouteTables(state: Ec2State, input: DescribeRouteTablesRequest): object {
  const found = state.routeTables.select(input.RouteTableIds, input.Filters, {
    "route-table-id": (row) => row.id,
    "vpc-id": (row) => row.vpcId,
    "association.main": (row) => row.associations.map((one) => String(one.main)),
    "association.subnet-id": (row) => row.associations.map((one) => one.subnetId),
    "association.route-table-association-id": (row) => row.associations.map((one) => one.id),
    "route.destination-cidr-block": (row) => row.routes.map((one) => one.destination),
    "route.gateway-id": (row) => row.routes.map((one) => one.target.GatewayId),
    "route.nat-gateway-id": (row) => row.routes.map((one) => one.target.NatGatewayId),
  });
  const { rows, ...rest } = page(found, input.MaxResults, input.NextToken, PAGE_SIZES);
  return { RouteTables: rows.map((row) => view(state, row)), ...rest };
}

export const routeOperations = (state: Ec2State): Record<string, Operation> => ({
  CreateRouteTable: (input: CreateRouteTableRequest) => createRouteTable(state, input),
  DeleteRouteTable: (input: DeleteRouteTableRequest) => deleteRouteTable(state, input),
  DescribeRouteTables: (input: DescribeRouteTablesRequest) => describeRouteTables(state, input),
  CreateRoute: (input: CreateRouteRequest) => createRoute(state, input),
  ReplaceRoute: (input: ReplaceRouteRequest) => replaceRoute(state, input),
  DeleteRoute: (input: DeleteRouteRequest) => deleteRoute(state, input),
  AssociateRouteTable: (input: AssociateRouteTableRequest) => associate(state, input),
  DisassociateRouteTable: (input: DisassociateRouteTableRequest) => disassociate(state, input),
  ReplaceRouteTableAssociation: (input: ReplaceRouteTableAssociationRequest) => replaceAssociation(state, input),
});
