// Compiles the contracts of this folder to `out/<name>.json`, as {abi, bytecode}: `npm ci && npm run compile`.
//
// The results are committed, and `run.mjs` deploys them; `npm run compile -- --check` compiles again and compares.
// The settings are those of `examples/contracts`.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import solc from "solc";

const folder = fileURLToPath(new URL(".", import.meta.url));

const settings = {
  evmVersion: "osaka",
  optimizer: { enabled: true, runs: 200 },
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
};

const names = readdirSync(folder).filter((name) => name.endsWith(".sol"));
const sources = Object.fromEntries(names.map((name) => [name, { content: readFileSync(join(folder, name), "utf8") }]));
/** Of a package that npm installed. */
const find = (path) => ({ contents: readFileSync(join(folder, "node_modules", path), "utf8") });
const output = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings }), { import: find }));
// Warnings about what npm installed are its makers' to heed.
const ours = ({ severity, sourceLocation }) => severity === "error" || names.includes(sourceLocation?.file);
const problems = (output.errors ?? []).filter(ours);
if (problems.length > 0) throw new Error(problems.map((problem) => problem.formattedMessage).join("\n"));

for (const source of names) {
  for (const [name, { abi, evm }] of Object.entries(output.contracts[source])) {
    if (evm.bytecode.object === "") continue; // Nothing to deploy.
    const text = JSON.stringify({ abi, bytecode: `0x${evm.bytecode.object}` }, null, 1) + "\n";
    const file = join(folder, "out", `${name}.json`);
    if (process.argv.includes("--check")) {
      if (readFileSync(file, "utf8") !== text) throw new Error(`out/${name}.json is not what its source compiles to`);
    } else {
      writeFileSync(file, text);
    }
    console.log(`out/${name}.json: ${text.length} bytes`);
  }
}
