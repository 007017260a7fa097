/**
 * AWS's own policies that roles of a farm take, by the name after `policy/`, so that a mistyped one fails. Of the long
 * ones only what a farm's machines and functions do is here; the rest of AWS's text would allow calls that nobody makes.
 * https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
 */
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  AdministratorAccess: ["*"],
  // What the agent needs to register and to take Run Command's orders.
  AmazonSSMManagedInstanceCore: [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
  ],
  CloudWatchAgentServerPolicy: [
    "cloudwatch:PutMetricData",
    "logs:PutLogEvents",
    "logs:DescribeLogStreams",
    "logs:DescribeLogGroups",
    "logs:CreateLogStream",
    "logs:CreateLogGroup",
  ],
  "service-role/AWSLambdaBasicExecutionRole": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
  "service-role/AWSLambdaVPCAccessExecutionRole": [
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
  ],
};

export const ADMINISTRATOR_ACCESS = "arn:aws:iam::aws:policy/AdministratorAccess";

const DOCUMENTS: ReadonlyMap<string, string> = new Map(
  Object.entries(ACTIONS).map(([name, Action]) => [
    `arn:aws:iam::aws:policy/${name}`,
    JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource: "*" }] }),
  ]),
);

/** JSON of a policy of AWS's own; undefined for one that this cloud does not have. */
export const managedDocument = (policyArn: string): string | undefined => DOCUMENTS.get(policyArn);
