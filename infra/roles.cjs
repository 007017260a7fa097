"use strict";

const DEFAULT_ROLE = "IamRoleLambdaExecution";
/** The template makes every function's log group, with its retention. */
const NOT_NEEDED = "logs:CreateLogGroup";

/**
 * Serverless plugin, after serverless-iam-roles-per-function: takes away what that one and the framework give beyond
 * infra/permissions.cjs. The framework's role for all functions is a pattern for theirs and then nobody's.
 */
module.exports = class Roles {
  constructor(serverless) {
    this.serverless = serverless;
    this.hooks = { "before:package:finalize": () => this.narrow() };
  }

  narrow() {
    const { Resources } = this.serverless.service.provider.compiledCloudFormationTemplate;
    delete Resources[DEFAULT_ROLE];
    // Should a function be without statements of its own, it would still have that role.
    const user = Object.entries(Resources).find(([, resource]) =>
      JSON.stringify(resource).includes(`"${DEFAULT_ROLE}"`),
    );
    if (user)
      throw new Error(`${user[0]} needs the role of all functions: give it iamRoleStatements (infra/permissions.cjs)`);
    for (const [name, { Properties }] of Object.entries(Resources)) {
      if (!name.endsWith(DEFAULT_ROLE)) continue;
      for (const statement of Properties.Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement)) {
        if (Array.isArray(statement.Action))
          statement.Action = statement.Action.filter((action) => action !== NOT_NEEDED);
      }
    }
  }
};
