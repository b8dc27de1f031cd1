// A development chain, and what the two tool chains of Solidity do with it: `npm test` of a Hardhat project, then cast and
// forge by hand. Each line that is printed was checked.

import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? join(here, "../../target");
const BIN = process.env.CALDERA_BIN ?? join(target, "release/caldera");
const PLUGINS = process.env.CALDERA_PLUGINS ?? join(target, "plugins");
const HELLO = "0x0000000000000000000000000000000000004E11";
/** The first of the ten accounts of `caldera dev`, as of anvil and Hardhat: public, and worth nothing. */
const ACCOUNT = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const START_MS = 60_000;

/** Starts `caldera dev`; gives its arena's URL, and what ends it. */
async function start() {
  const args = ["dev", "--automine", "--json", "--port", "0", "--plugins", PLUGINS];
  const node = spawn(BIN, args, { stdio: ["ignore", "pipe", "inherit"] });
  process.once("exit", () => node.kill("SIGKILL"));
  const ready = new Promise((resolve, reject) => {
    node.once("error", reject);
    node.once("exit", (code) => reject(new Error(`${BIN} ended with code ${code} before it was ready`)));
    setTimeout(() => reject(new Error(`${BIN} is not ready after ${START_MS} ms`)), START_MS).unref();
    createInterface({ input: node.stdout }).on("line", (line) => {
      const said = JSON.parse(line);
      if (said.event === "ready") resolve(said.chains.find(({ name }) => name === "arena").url);
    });
  });
  return { url: await ready, stop: () => node.kill("SIGTERM") };
}

/** The program of a package whose binary comes in a package for each system. */
function program(name) {
  const system = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`;
  const folder = dirname(createRequire(import.meta.url).resolve(`@foundry-rs/${name}-${system}/package.json`));
  return join(folder, "bin", name);
}

const node = await start();
try {
  const env = { ...process.env, CALDERA_RPC: node.url, ETH_RPC_URL: node.url, HARDHAT_DISABLE_TELEMETRY_PROMPT: "true" };
  const hardhat = spawnSync(process.execPath, ["node_modules/hardhat/internal/cli/bootstrap.js", "test"], { cwd: here, env, stdio: "inherit" });
  assert.equal(hardhat.status, 0, "hardhat test failed");

  const [cast, forge] = ["cast", "forge"].map(program);
  const run = (bin, ...args) =>
    execFileSync(bin, args, { cwd: here, env, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
  const check = (what, got, wanted) => {
    assert.deepEqual(got, wanted, what);
    console.log(`  ok  ${what}`);
  };
  console.log("\n  cast and forge");
  check("cast client", /^anvil-compatible\/caldera\//.test(run(cast, "client")), true);
  const chain = run(cast, "chain-id");

  const made = JSON.parse(run(forge, "create", "contracts/Guestbook.sol:Guestbook", "--broadcast", "--json", "--private-key", KEY,
    "--constructor-args", HELLO, "0"));
  const book = made.deployedTo;
  check("forge create compiles and deploys", run(cast, "call", book, "hello()(address)"), HELLO);

  const signed = JSON.parse(run(cast, "send", book, "sign(string)", "Ada", "--private-key", KEY, "--json"));
  check("cast send signs with a key (EIP-1559)", [signed.status, signed.type, signed.logs.length], ["0x1", "0x2", 2]);
  const legacy = JSON.parse(run(cast, "send", book, "sign(string)", "Grace", "--private-key", KEY, "--legacy", "--json"));
  check("cast send --legacy", [legacy.status, legacy.type], ["0x1", "0x0"]);
  const unlocked = JSON.parse(run(cast, "send", HELLO, "greet(string)", "Cast", "--unlocked", "--from", ACCOUNT, "--json"));
  check("cast send --unlocked lets the node sign, to the engine itself", [unlocked.status, unlocked.to.toLowerCase()], ["0x1", HELLO.toLowerCase()]);
  check("cast call decodes the engine's answer", run(cast, "call", HELLO, "count(address)(uint64)", book), "2");
  check("cast estimate", Number(run(cast, "estimate", book, "sign(string)", "Ada")) > 21_000, true);

  const logs = JSON.parse(run(cast, "logs", "--from-block", "earliest", "--address", HELLO, "Greeted(address indexed who, uint64 times)", "--json"));
  check("cast logs finds the engine's events", logs.filter(({ topics }) => topics[1].endsWith(book.slice(2).toLowerCase())).length, 2);
  const receipt = JSON.parse(run(cast, "receipt", signed.transactionHash, "--json"));
  check("cast receipt", receipt.blockHash, signed.blockHash);
  check("cast tx", JSON.parse(run(cast, "tx", signed.transactionHash, "--json")).hash, signed.transactionHash);
  check("cast block", JSON.parse(run(cast, "block", signed.blockHash, "--json")).transactions, [signed.transactionHash]);
  const proof = JSON.parse(run(cast, "proof", book, "0"));
  check("cast proof", [proof.address.toLowerCase(), proof.storageProof.length], [book.toLowerCase(), 1]);
  check("cast storage", BigInt(run(cast, "storage", book, "0")), 0n);

  const snapshot = JSON.parse(run(cast, "rpc", "evm_snapshot"));
  run(cast, "rpc", "anvil_setBalance", book, "0x2a");
  check("cast rpc anvil_setBalance, cast balance", run(cast, "balance", book), "42");
  check("cast rpc evm_revert", JSON.parse(run(cast, "rpc", "evm_revert", snapshot)), true);
  check("and back", [run(cast, "balance", book), run(cast, "chain-id")], ["0", chain]);
} finally {
  node.stop();
}
