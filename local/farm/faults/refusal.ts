/** A fault that cannot be injected as it was asked for, in words for the operator. */
export class Refusal extends Error {}
