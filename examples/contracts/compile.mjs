// Compiles every contract of this folder to `out/<name>.json`, as {abi, bytecode}: `npm ci && npm run compile`.
//
// The results are committed, so that the node's tour needs no npm; the client tests compile again and compare.
// No metadata is appended to the bytecode, so it depends on nothing but the code, the compiler and these settings.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

const folder = fileURLToPath(new URL(".", import.meta.url));

const settings = {
  evmVersion: "osaka",
  optimizer: { enabled: true, runs: 200 },
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
};

/** What `solc` (the npm module) makes of every source: a map from contract name to the text of its fixture. */
export function compile(solc) {
  const names = readdirSync(folder).filter((name) => name.endsWith(".sol"));
  const sources = Object.fromEntries(names.map((name) => [name, { content: readFileSync(join(folder, name), "utf8") }]));
  const output = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
  if (output.errors?.length) throw new Error(output.errors.map((error) => error.formattedMessage).join("\n"));
  const fixtures = new Map();
  for (const contracts of Object.values(output.contracts)) {
    for (const [name, { abi, evm }] of Object.entries(contracts)) {
      if (evm.bytecode.object === "") continue; // An interface: nothing to deploy.
      fixtures.set(name, JSON.stringify({ abi, bytecode: `0x${evm.bytecode.object}` }, null, 1) + "\n");
    }
  }
  return fixtures;
}

/** The committed text of a fixture. */
export const fixture = (name) => readFileSync(join(folder, "out", `${name}.json`), "utf8");

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { default: solc } = await import("solc");
  for (const [name, text] of compile(solc)) {
    writeFileSync(join(folder, "out", `${name}.json`), text);
    console.log(`out/${name}.json: ${text.length} bytes`);
  }
}
