/** CloudFormation of the embedded cloud. */
export { openCloudFormation, type Dependencies } from "./cloudformation.ts";
export { templateLocation, templateReader } from "./template-url.ts";
