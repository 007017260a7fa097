/**
 * In a bundle this stands for `@aws-sdk/credential-provider-node`. Lambda gives a function its role by environment
 * variables, and so does the local farm: profiles, single sign-on and metadata services would be a fifth of every bundle.
 */
export { fromEnv as defaultProvider } from "@aws-sdk/credential-provider-env";
