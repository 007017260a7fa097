import type { Cluster } from "../../../../local/cloud/services/elasticache/model.ts";

/** A cluster whose nodes are all available, at these addresses. */
export const availableCluster = (addresses: readonly string[]): Cluster => ({
  id: "farm",
  arn: "arn:aws:elasticache:eu-west-1:000000000000:cluster:farm",
  status: "available",
  nodeType: "cache.t4g.micro",
  port: 11_211,
  subnetGroup: "farm",
  crossZone: false,
  createdAt: 0,
  subnetIds: ["subnet-1"],
  groupIds: [],
  nodes: addresses.map((address, index) => ({
    id: String(index + 1).padStart(4, "0"),
    status: "available",
    interfaceId: `eni-${index}`,
    address,
    zone: "eu-west-1a",
    createdAt: 0,
    server: undefined,
  })),
  endpoint: { interfaceId: "eni-front", address: "127.62.8.200" },
  front: undefined,
  configVersion: 1,
  maintenanceWindow: "sun:03:00-sun:04:00",
  autoMinorVersionUpgrade: true,
});
