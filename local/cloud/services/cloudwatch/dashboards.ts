import type * as Sdk from "@aws-sdk/client-cloudwatch";
import { CloudError } from "../../errors.ts";
import type { Operation, World } from "../../service.ts";

/** Documented: letters, digits, - and _, at most 255; at most 500 widgets in one dashboard. */
const NAME = /^[A-Za-z0-9_-]{1,255}$/;
const WIDGETS_MAX = 500;
const WIDGET_TYPES = ["metric", "text", "log", "alarm", "explorer", "custom"];
const PAGE_MAX = 1000;

interface Dashboard {
  readonly name: string;
  readonly body: string;
  readonly modifiedAt: number;
}

interface Flaw {
  readonly DataPath: string;
  readonly Message: string;
}

export const dashboardArn = (world: World, name: string): string =>
  `arn:aws:cloudwatch::${world.account}:dashboard/${name}`;

const isMembers = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What CloudWatch finds wrong with a body. Nobody draws here, so what a widget shows is not looked into. */
function flawsOf(body: string): Flaw[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (error) {
    return [{ DataPath: "/", Message: `The field widgets must be an array: the body is not JSON (${String(error)})` }];
  }
  const widgets = isMembers(parsed) ? parsed["widgets"] : undefined;
  if (!Array.isArray(widgets)) return [{ DataPath: "/widgets", Message: "The field widgets must be an array" }];
  if (widgets.length > WIDGETS_MAX)
    return [{ DataPath: "/widgets", Message: `The field widgets must not have more than ${WIDGETS_MAX} items` }];
  return widgets.flatMap((widget: unknown, index) => widgetFlaws(widget, `/widgets/${index}`));
}

function widgetFlaws(widget: unknown, path: string): Flaw[] {
  if (!isMembers(widget)) return [{ DataPath: path, Message: "Should be object" }];
  if (!WIDGET_TYPES.some((type) => type === widget["type"]))
    return [{ DataPath: `${path}/type`, Message: `Should be one of ${WIDGET_TYPES.join(", ")}` }];
  if (!isMembers(widget["properties"])) return [{ DataPath: `${path}/properties`, Message: "Should be object" }];
  return [];
}

const missing = (name: string | undefined): CloudError =>
  new CloudError("ResourceNotFound", `Dashboard ${name ?? ""} does not exist`, 404);

/** Dashboards are kept and given back; the local world has a page of its own for looking. */
export function dashboardOperations(world: World): Record<string, Operation> {
  const dashboards = new Map<string, Dashboard>();
  return {
    PutDashboard({ DashboardName: name = "", DashboardBody: body = "" }: Sdk.PutDashboardCommandInput) {
      if (!NAME.test(name))
        throw new CloudError("InvalidParameterValue", `DashboardName ${name}: 1 to 255 letters, digits, - and _`);
      const flaws = flawsOf(body);
      if (flaws.length > 0)
        throw new CloudError(
          "InvalidParameterInput",
          "The dashboard body is invalid, there are validation errors",
          400,
          {
            dashboardValidationMessages: flaws,
          },
        );
      dashboards.set(name, { name, body, modifiedAt: world.clock.now() });
      return { DashboardValidationMessages: [] };
    },
    GetDashboard({ DashboardName: name }: Sdk.GetDashboardCommandInput) {
      const found = dashboards.get(name ?? "");
      if (found === undefined) throw missing(name);
      return { DashboardArn: dashboardArn(world, found.name), DashboardName: found.name, DashboardBody: found.body };
    },
    DeleteDashboards({ DashboardNames: names = [] }: Sdk.DeleteDashboardsCommandInput) {
      // All or none, as documented.
      const lost = names.find((name) => !dashboards.has(name));
      if (lost !== undefined) throw missing(lost);
      for (const name of names) dashboards.delete(name);
      return {};
    },
    ListDashboards({ DashboardNamePrefix: prefix = "", NextToken }: Sdk.ListDashboardsCommandInput) {
      const from = Number(NextToken ?? 0);
      const all = [...dashboards.values()].filter(({ name }) => name.startsWith(prefix));
      const DashboardEntries = all.slice(from, from + PAGE_MAX).map(({ name, body, modifiedAt }) => ({
        DashboardName: name,
        DashboardArn: dashboardArn(world, name),
        LastModified: new Date(modifiedAt),
        Size: Buffer.byteLength(body),
      }));
      return { DashboardEntries, ...(from + PAGE_MAX < all.length ? { NextToken: String(from + PAGE_MAX) } : {}) };
    },
  };
}
