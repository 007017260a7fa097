import { once } from "node:events";
import type { Socket } from "node:net";
import type dns2 from "dns2";
import { Packet, TCPServer, UDPServer } from "dns2";
import type { DnsRecord } from "../cloud/services/route53/answer.ts";

/** What a name server knows, for a visitor at an address: undefined for a name that does not exist. */
export type Answer = (name: string, type: string, viewer?: string) => readonly DnsRecord[] | undefined;

export interface DnsServer {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** RFC 1035, section 4.1.1. */
const NAME_ERROR = 3;
const NOT_IMPLEMENTED = 4;
const REFUSED = 5;

/** A free port of TCP may be taken for UDP; then the next one is tried. */
const PORTS_TRIED_MAX = 20;

type Resource = dns2.Packet.Resource;

const typeNames = new Map<number, string>(Object.entries(Packet.TYPE).map(([name, number]) => [number, name]));
const typeNumbers: Readonly<Record<string, number>> = Packet.TYPE;
const bare = (name: string): string => name.replace(/\.$/, "");

/** `"a" "b"` as the strings of a TXT record. */
const strings = (value: string): string[] =>
  [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = ""]) => text.replace(/\\(.)/g, "$1"));

function authority(value: string): Partial<Resource> {
  const [primary = "", admin = "", serial, refresh, retry, expiration, minimum] = value.split(/\s+/);
  return {
    primary: bare(primary),
    admin: bare(admin),
    serial: Number(serial),
    refresh: Number(refresh),
    retry: Number(retry),
    expiration: Number(expiration),
    minimum: Number(minimum),
  };
}

/** The members that dns2 writes for a record of this type; undefined for a type that it cannot write. */
function content(type: string, value: string): Partial<Resource> | undefined {
  const [first = "", second = "", third = "", fourth = ""] = value.split(/\s+/);
  switch (type) {
    case "A":
    case "AAAA":
      return { address: value };
    case "CNAME":
    case "PTR":
      return { domain: bare(value) };
    case "NS":
      return { ns: bare(value) };
    case "TXT":
    case "SPF":
      return { data: strings(value) };
    case "SOA":
      return authority(value);
    case "MX":
      return { priority: Number(first), exchange: bare(second) };
    case "SRV":
      return { priority: Number(first), weight: Number(second), port: Number(third), target: bare(fourth) };
    default:
      return undefined;
  }
}

function resource(record: DnsRecord): Resource[] {
  const type = typeNumbers[record.type];
  const members = content(record.type, record.value);
  if (type === undefined || members === undefined) return [];
  return [Object.assign(new Packet.Resource(bare(record.name), type, Packet.CLASS.IN, record.ttl), members)];
}

/** The SOA record of the nearest zone above a name; none when the name is in no zone. */
function authorityOf(answer: Answer, name: string): readonly DnsRecord[] {
  const labels = bare(name).split(".");
  for (let cut = 0; cut < labels.length; cut++) {
    const found = answer(labels.slice(cut).join("."), "SOA")?.filter(({ type }) => type === "SOA") ?? [];
    if (found.length > 0) return found;
  }
  return [];
}

/** RFC 7871: the network of the resolver's own client, if it tells. */
function clientSubnet(request: dns2.Packet): string | undefined {
  for (const additional of request.additionals) {
    const options: unknown = additional.type === Packet.TYPE.EDNS ? Reflect.get(additional, "rdata") : undefined;
    for (const option of Array.isArray(options) ? options : []) {
      const { ednsCode, ip } = { ednsCode: undefined, ip: undefined, ...option };
      if (ednsCode === Packet.EDNS_OPTION_CODE.ECS && typeof ip === "string") return ip;
    }
  }
  return undefined;
}

/** The response to a query: NXDOMAIN and "no such record" carry the zone's SOA (RFC 2308), foreign names are refused. */
export function respond(request: dns2.Packet, answer: Answer, resolver?: string): dns2.Packet {
  const response = Packet.createResponseFromRequest(request);
  const [question] = request.questions;
  const type = typeNames.get(question?.type ?? 0);
  if (question === undefined || type === undefined || request.questions.length > 1) {
    response.header.rcode = NOT_IMPLEMENTED;
    return response;
  }
  const records = answer(question.name, type, clientSubnet(request) ?? resolver);
  const zone = records === undefined || records.length === 0 ? authorityOf(answer, question.name) : [];
  if ((records === undefined || records.length === 0) && zone.length === 0) {
    response.header.rcode = REFUSED;
    return response;
  }
  response.header.aa = 1;
  if (records === undefined) response.header.rcode = NAME_ERROR;
  response.answers.push(...(records ?? []).flatMap(resource));
  response.authorities.push(...zone.flatMap(resource));
  return response;
}

interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

function resolverOf(from: object): string | undefined {
  const sender: unknown = Reflect.get(from, "remoteAddress") ?? Reflect.get(from, "address");
  return typeof sender === "string" ? sender : undefined;
}

async function listenOn(address: string, port: number, answer: Answer): Promise<Listening> {
  // the third argument is the sender of a datagram or, over TCP, the socket
  const reply: dns2.DnsHandler = (request, send, from) => void send(respond(request, answer, resolverOf(from)));
  const tcp = new TCPServer(reply);
  const udp = new UDPServer(reply);
  // a malformed query gets no answer, as from any name server
  tcp.on("requestError", () => {});
  udp.on("requestError", () => {});
  const open = new Set<Socket>();
  tcp.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  const closeTcp = async (): Promise<void> => {
    const closed = once(tcp, "close");
    tcp.close();
    for (const socket of open) socket.destroy();
    await closed;
  };
  tcp.listen(port, address);
  await once(tcp, "listening");
  const bound = tcp.address();
  const chosen = typeof bound === "object" && bound !== null ? bound.port : port;
  try {
    udp.bind(chosen, address);
    await once(udp, "listening");
  } catch (error) {
    await closeTcp();
    throw error;
  }
  return {
    port: chosen,
    async close() {
      await Promise.all([new Promise((closed) => udp.close(() => closed(undefined))), closeTcp()]);
    },
  };
}

const isTaken = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "EADDRINUSE";

/** Answers DNS queries over UDP and TCP on one port; port 0 takes a free one. Rejects when the port is in use. */
export async function openDns(answer: Answer, address: string, port: number): Promise<DnsServer> {
  for (let tried = 1; ; tried++) {
    try {
      return { address, ...(await listenOn(address, port, answer)) };
    } catch (error) {
      if (port !== 0 || tried >= PORTS_TRIED_MAX || !isTaken(error)) throw error;
    }
  }
}
