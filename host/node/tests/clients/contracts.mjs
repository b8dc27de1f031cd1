// What the tests deploy and talk to: the compiled contracts, and the clearing engine's own ABI.

import { readFileSync } from "node:fs";
import { fixture } from "../../../../examples/contracts/compile.mjs";

/** {abi, bytecode} of a contract in examples/contracts. */
export const contract = (name) => JSON.parse(fixture(name));

/** The ABI that the clearing engine ships with. */
export const clearingAbi = JSON.parse(
  readFileSync(new URL("../../../../plugins/clearing/engine/abi.json", import.meta.url), "utf8"),
);

/** The contract that calls the engine, with the engine's errors and events beside its own, which pass through it. */
export function clearingCaller() {
  const { abi, bytecode } = contract("ClearingCaller");
  const known = new Set(abi.map(({ type, name }) => `${type} ${name}`));
  const passing = clearingAbi.filter(({ type, name }) => type === "error" && !known.has(`${type} ${name}`));
  return { abi: [...abi, ...passing], bytecode };
}

/** The chain's own sender. */
export const SYSTEM_ADDRESS = "0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE";

/** Where the chain keeps which engine is mounted where. */
export const REGISTRY = `0x${"63616c64657261".padStart(40, "0")}`;
