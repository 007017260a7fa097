import { checkSeeds } from "./seeds-check.ts";

checkSeeds(1);
