#!/usr/bin/env node
// The npm package `solc` as forge expects a compiler: `--version`, and `--standard-json` from stdin to stdout.

import { readFileSync } from "node:fs";
import solc from "solc";

if (process.argv.includes("--version")) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version().replace(".Emscripten.clang", ".Linux.g++")}`);
} else if (process.argv.includes("--standard-json")) {
  process.stdout.write(solc.compile(readFileSync(0, "utf8")));
} else {
  console.error(`solc.mjs: ${process.argv.slice(2).join(" ")}: only --version and --standard-json are understood`);
  process.exitCode = 1;
}
