import { DEFAULT_PORT, ENGINE_VERSION, type Cluster } from "./model.ts";

/** Nodes in the form of auto discovery: `host|ip|port`. One that comes or goes is not among them, one that is replaced is. */
const members = (cluster: Cluster): string =>
  cluster.nodes
    .filter((node) => node.status !== "creating" && node.status !== "deleting")
    .map((node) => `${node.address}|${node.address}|${cluster.port}`)
    .join(" ");

/** https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoDiscovery.AddingToYourClientLibrary.html */
function configuration(cluster: Cluster): string {
  const payload = `${cluster.configVersion}\n${members(cluster)}\n`;
  return `CONFIG cluster 0 ${Buffer.byteLength(payload)}\r\n${payload}\r\nEND\r\n`;
}

/**
 * What the configuration endpoint of the cluster answers. On AWS that endpoint is one of the nodes and takes every
 * command; here it is a front of its own, because Memcached itself does not know this command.
 */
export function answerDiscovery(cluster: Cluster, line: string): string | undefined {
  const words = line.trim().split(/\s+/);
  if (words[0] === "quit") return undefined;
  if (words[0] === "version") return `VERSION ${ENGINE_VERSION}\r\n`;
  if (words.join(" ") === "config get cluster") return configuration(cluster);
  const port = cluster.port === DEFAULT_PORT ? "" : `:${cluster.port}`;
  return `SERVER_ERROR the configuration endpoint of ${cluster.id}${port} answers 'config get cluster' only\r\n`;
}
