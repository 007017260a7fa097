import type { Post } from "../cloud/services/sns/index.ts";

/** SNS gives an endpoint 15 seconds. https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html */
const TIMEOUT_MS = 15_000;

/** Real HTTP to the subscribers of a topic; redirects are not followed. */
export const realPost: Post = async (url, headers, body) => {
  const response = await fetch(url, {
    method: "POST",
    headers,
    body,
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await response.arrayBuffer();
  return { status: response.status };
};
