/** Where a visitor is, as far as routing needs to know. */
export interface Place {
  readonly continent: string;
  /** ISO 3166-1. */
  readonly country: string;
  /** ISO 3166-2 without the country; states of the US only. */
  readonly subdivision?: string;
  readonly coordinates: Coordinates;
}
/** Degrees north and east. */
type Coordinates = readonly [number, number];

const FRANKFURT: Place = { continent: "EU", country: "DE", coordinates: [50.1, 8.7] };
const CALIFORNIA: Place = { continent: "NA", country: "US", subdivision: "CA", coordinates: [37.3, -121.9] };
const NEW_YORK: Place = { continent: "NA", country: "US", subdivision: "NY", coordinates: [40.7, -74] };
const TOKYO: Place = { continent: "AS", country: "JP", coordinates: [35.7, 139.7] };
const SAO_PAULO: Place = { continent: "SA", country: "BR", coordinates: [-23.6, -46.6] };
const SYDNEY: Place = { continent: "OC", country: "AU", coordinates: [-33.9, 151.2] };
const CAPE_TOWN: Place = { continent: "AF", country: "ZA", coordinates: [-33.9, 18.4] };
const LONDON: Place = { continent: "EU", country: "GB", coordinates: [51.5, -0.1] };

/**
 * The embedded cloud's map of the world. A resolver that asks from one of these loopback addresses, or an EDNS client
 * subnet of them or of the networks of RFC 5737, is at that place; every other address is nowhere.
 */
export const PLACES: readonly (readonly [prefix: string, place: Place])[] = [
  ["127.61.", FRANKFURT],
  ["127.62.", CALIFORNIA],
  ["127.63.", NEW_YORK],
  ["127.64.", TOKYO],
  ["127.65.", SAO_PAULO],
  ["127.66.", SYDNEY],
  ["127.67.", CAPE_TOWN],
  ["127.68.", LONDON],
  ["192.0.2.", FRANKFURT],
  ["198.51.100.", CALIFORNIA],
  ["203.0.113.", TOKYO],
];

export const placeOf = (address: string | undefined): Place | undefined =>
  PLACES.find(([prefix]) => address?.startsWith(prefix) === true)?.[1];

/** Roughly where the regions of AWS are: latency is taken to grow with the distance. */
const REGIONS: Readonly<Record<string, Coordinates>> = {
  "af-south-1": [-33.9, 18.4],
  "ap-northeast-1": [35.7, 139.7],
  "ap-northeast-2": [37.6, 127],
  "ap-south-1": [19.1, 72.9],
  "ap-southeast-1": [1.3, 103.8],
  "ap-southeast-2": [-33.9, 151.2],
  "ca-central-1": [45.5, -73.6],
  "eu-central-1": [50.1, 8.7],
  "eu-north-1": [59.3, 18.1],
  "eu-south-1": [45.5, 9.2],
  "eu-west-1": [53.3, -6.3],
  "eu-west-2": [51.5, -0.1],
  "eu-west-3": [48.9, 2.4],
  "me-south-1": [26.1, 50.6],
  "sa-east-1": [-23.6, -46.6],
  "us-east-1": [38.9, -77.4],
  "us-east-2": [40, -83],
  "us-west-1": [37.3, -121.9],
  "us-west-2": [45.8, -119.7],
};

export const isRegion = (region: string): boolean => Object.hasOwn(REGIONS, region);

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Angle between two places on the globe (haversine). */
function distance([latitude, longitude]: Coordinates, [toLatitude, toLongitude]: Coordinates): number {
  const half =
    Math.sin(radians(toLatitude - latitude) / 2) ** 2 +
    Math.cos(radians(latitude)) * Math.cos(radians(toLatitude)) * Math.sin(radians(toLongitude - longitude) / 2) ** 2;
  return 2 * Math.asin(Math.sqrt(half));
}

/** How far a region is from the place; a visitor who is nowhere counts as being at `home`. */
export function distanceTo(region: string, place: Place | undefined, home: string): number {
  const to = REGIONS[region];
  const from = place?.coordinates ?? REGIONS[home];
  return to === undefined || from === undefined ? Number.POSITIVE_INFINITY : distance(from, to);
}

export const CONTINENTS: readonly string[] = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"];
