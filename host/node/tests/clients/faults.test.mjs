// A guest that loops, traps, uses up its memory or writes in a static call: halted by name, and the chain goes on.
// The engine is staged and armed on the running node by its own command line, as an operator would.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { createPublicClient, createWalletClient, defineChain, encodeFunctionData, http, stringToHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { startNode } from "./node.mjs";

const run = promisify(execFile);
/** Where the probe is mounted on the chain `arena`. */
const PROBE = "0x00000000000000000000000000000000000fa017";
const abi = JSON.parse(readFileSync(new URL("../../../../plugins/probe/engine/abi.json", import.meta.url), "utf8"));

let node, arena, reader, writer;

/** Runs `caldera engine …` against the chain and gives back what it said. */
async function engine(...args) {
  const { stdout } = await run(process.env.CALDERA_BIN, ["--json", "engine", ...args, "--rpc", arena.url]);
  return stdout.trim().split("\n").map((line) => JSON.parse(line));
}

/** Sends a call with a gas limit of its own, so that nothing stops it before it is in a block. */
async function send(functionName, args = [], gas = 2_000_000n, to = PROBE) {
  const data = encodeFunctionData({ abi, functionName, args });
  const hash = await writer.sendTransaction({ to, data, gas });
  const receipt = await reader.waitForTransactionReceipt({ hash });
  const raw = await reader.request({ method: "eth_getTransactionReceipt", params: [hash] });
  return { status: receipt.status, gasUsed: receipt.gasUsed, fault: raw.calderaFault };
}

const key = (text) => stringToHex(text);
const stored = (text) => reader.readContract({ address: PROBE, abi, functionName: "get", args: [key(text)] });

describe("a hostile guest on a live chain", () => {
  before(async () => {
    node = await startNode();
    arena = node.ready.chains.find((chain) => chain.name === "arena");
    const chain = defineChain({
      id: arena.chainId,
      name: arena.name,
      nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
      rpcUrls: { default: { http: [arena.url] } },
    });
    const shared = { chain, transport: http(), pollingInterval: 50 };
    reader = createPublicClient(shared);
    writer = createWalletClient({ ...shared, account: privateKeyToAccount(node.ready.accounts[6].privateKey) });
    const component = join(process.env.CALDERA_PLUGINS, "probe-v1.wasm");
    const [staged] = await engine("stage", component);
    await engine("arm", "--mount", PROBE, "--digest", staged.digest, "--in", "4");
    const wanted = (await reader.getBlockNumber()) + 6n;
    while ((await reader.getBlockNumber()) < wanted) await new Promise((resolve) => setTimeout(resolve, 50));
  });
  after(() => node?.stop());

  for (const [name, fault, gas] of [
    ["spin", "out-of-fuel", 2_000_000n],
    ["trap", "unreachable", 2_000_000n],
    ["recurse", "memory-out-of-bounds", 2_000_000n],
    ["exhaust", "memory-limit", 16_000_000n],
  ]) {
    test(`${name} halts with ${fault}`, async () => {
      const halted = await send(name, [], gas);
      assert.deepEqual([halted.status, halted.fault, halted.gasUsed], ["reverted", fault, gas]);
      assert.equal((await send("set", [key(name), key("alive")])).status, "success");
      assert.equal(await stored(name), key("alive"));
    });
  }

  test("a write in a static call halts the callee alone", async () => {
    const write = encodeFunctionData({ abi, functionName: "set", args: [key("static"), key("written")] });
    assert.equal((await send("look", [PROBE, write, 200_000n])).status, "success");
    const [worked] = await reader.readContract({
      address: PROBE, abi, functionName: "look", args: [PROBE, write, 200_000n],
    });
    assert.deepEqual([worked, await stored("static")], [false, "0x"]);
  });

  test("the other chains went on", async () => {
    for (const { url } of node.ready.chains) {
      const height = () => createPublicClient({ transport: http(url) }).getBlockNumber({ cacheTime: 0 });
      const before = await height();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      assert.ok((await height()) > before, url);
    }
  });
});
