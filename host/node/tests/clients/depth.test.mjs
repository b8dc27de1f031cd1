// Proofs of the past: `eth_getProof` as far back as CALDERA_DEPTH blocks (1,000 unless it says more), each checked with
// @ethereumjs/trie against the root of a header whose hash is checked, too. Prints how long an answer took, and what the blocks
// take on disk. `cargo xtask proofs` runs it over 100,000 blocks.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createPublicClient, createWalletClient, defineChain, encodeAbiParameters, http, keccak256, numberToHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { contract } from "./contracts.mjs";
import { startNode } from "./node.mjs";
import { provenAccount, provenWord } from "./proof.mjs";
import { Rpc } from "./rpc.mjs";

const DEPTH = Number(process.env.CALDERA_DEPTH ?? 1_000);
/** Every so many blocks one has transfers; the others are empty, as a chain's are at night. */
const SPACING = Math.max(10, DEPTH / 1_000);
/** Who holds tokens, and so what each proof is of. */
const HOLDERS = 50;
/** Where the bench contract `Token` keeps `balanceOf`. */
const BALANCES_SLOT = 3n;
const holder = (n) => numberToHex(0x1000_0000n + BigInt(n), { size: 20 });
const balanceSlot = (of) => keccak256(encodeAbiParameters([{ type: "address" }, { type: "uint256" }], [of, BALANCES_SLOT]));

let node, rpc, data, token, deployed;

describe("proofs of the past", () => {
  before(async () => {
    data = mkdtempSync(join(tmpdir(), "caldera-depth-"));
    node = await startNode("--automine", "--data", data);
    const { finance } = node;
    rpc = new Rpc(finance.url);
    const chain = defineChain({
      id: finance.chainId,
      name: finance.name,
      nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
      rpcUrls: { default: { http: [finance.url] } },
    });
    const account = privateKeyToAccount(node.ready.accounts[6].privateKey);
    const writer = createWalletClient({ chain, transport: http(), account });
    const reader = createPublicClient({ chain, transport: http(), pollingInterval: 20, cacheTime: 0 });
    const { abi, bytecode } = contract("Token");
    const supply = 10n ** 12n;
    const hash = await writer.deployContract({ abi, bytecode, args: ["Test", "TST", 6, [account.address], [supply]] });
    const { contractAddress, blockNumber } = await reader.waitForTransactionReceipt({ hash });
    [token, deployed] = [contractAddress, Number(blockNumber)];
    // The head is to lie DEPTH blocks above the first transfer.
    for (let made = 0, turn = 0; made <= DEPTH; made += SPACING, turn += 1) {
      const args = [holder(turn % HOLDERS), BigInt(1 + turn)];
      await writer.writeContract({ address: token, abi, functionName: "transfer", args, gas: 100_000n });
      await rpc.send("anvil_mine", numberToHex(SPACING - 1));
    }
  });
  after(async () => {
    await node?.stop();
    rmSync(data, { recursive: true, force: true });
  });

  test(`as far back as ${DEPTH} blocks`, { timeout: 600_000 }, async () => {
    const head = Number(await rpc.send("eth_blockNumber"));
    assert.ok(head - DEPTH > deployed);
    const rows = [];
    for (const back of [...new Set([0, Math.min(1_000, DEPTH), DEPTH])]) rows.push(await ask(head - back, back));
    const disk = folderSize(data) / 2 ** 20;
    const transfers = Math.floor(DEPTH / SPACING) + 1;
    console.log([
      "blocks back   accounts   slots  nodes  answer p50       p99  size of an answer",
      ...rows,
      `${head} blocks with ${transfers} transfers take ${disk.toFixed(1)} MiB of disk, block log included`,
    ].join("\n"));
  });
});

/** Proves each holder's account and balance at a height; gives the row of the table. */
async function ask(height, back) {
  const number = numberToHex(height);
  const [raw, block] = [await rpc.send("debug_getRawHeader", number), await rpc.send("eth_getBlockByNumber", number, false)];
  assert.equal(keccak256(raw), block.hash, "the header is the block's");
  const [times, sizes] = [[], []];
  let [held, nodes] = [0, 0];
  for (let n = 0; n < HOLDERS; n += 1) {
    const [of, slot] = [holder(n), balanceSlot(holder(n))];
    const began = performance.now();
    const proof = await rpc.send("eth_getProof", token, [slot], number);
    times.push(performance.now() - began);
    sizes.push(JSON.stringify(proof).length);
    const { storageHash } = await provenAccount(block.stateRoot, proof);
    const proven = await provenWord(storageHash, proof.storageProof[0]);
    nodes += proof.accountProof.length + proof.storageProof[0].proof.length;
    const data = `0x70a08231${of.slice(2).padStart(64, "0")}`;
    assert.equal(proven, BigInt(await rpc.send("eth_call", { to: token, data }, number)), `what ${of} holds at ${height}`);
    held += proven > 0n ? 1 : 0;
    // No one has an account by holding tokens: a proof that there is none.
    assert.equal(await provenAccount(block.stateRoot, await rpc.send("eth_getProof", of, [], number)), null);
  }
  // The oldest block has the fewest transfers before it, and not none.
  assert.ok(back === DEPTH ? held >= 1 : held === HOLDERS, `${held} holders at ${height}`);
  const at = (values, share) => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))];
  const ms = (value) => `${value.toFixed(2)} ms`;
  return [
    String(back).padStart(11), String(HOLDERS * 2).padStart(10), String(HOLDERS).padStart(7), (nodes / HOLDERS).toFixed(1).padStart(6),
    ms(at(times, 0.5)).padStart(11), ms(at(times, 0.99)).padStart(9), `${at(sizes, 0.5)} bytes`.padStart(18),
  ].join(" ");
}

function folderSize(path) {
  return readdirSync(path, { withFileTypes: true }).reduce((sum, entry) => {
    const inner = join(path, entry.name);
    return sum + (entry.isDirectory() ? folderSize(inner) : 512 * statSync(inner).blocks);
  }, 0);
}
