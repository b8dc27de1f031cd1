// What `caldera export` writes, read and executed by ethereumjs, which shares no code with the node: every block of a chain that
// began here, and every header, root and receipt in it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createBlockFromRLP } from "@ethereumjs/block";
import { createBlockchain } from "@ethereumjs/blockchain";
import { createCommonFromGethGenesis, parseGethGenesisState } from "@ethereumjs/common";
import { RLP } from "@ethereumjs/rlp";
import { bytesToHex } from "@ethereumjs/util";
import { createVM, runBlock } from "@ethereumjs/vm";
import { createPublicClient, createWalletClient, defineChain, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { start } from "./node.mjs";

const CHAIN_ID = 4299;
/** Blocks need a second each of their own, which other clients ask for. */
const BLOCK_MS = 1_500;
const account = privateKeyToAccount(`0x${"42".repeat(32)}`);
/** The contracts that Prague asks for; the fixture has their code from the texts of EIP-7002 and EIP-7251. */
const ASKED = ["0x00000961ef480eb55e80d19ad83579a64c007002", "0x0000bbddc7ce488642fb579f8b00f3a590007251"];
const fixture = new URL("../../../chain/tests/fixtures/ethereum/genesis.json", import.meta.url);
/** Adds its input to what it kept, keeps the sum and logs it as its topic. */
const RUNTIME = "600035600054018060005560005260005160206000a100";

test("ethereumjs executes what was exported", async () => {
  const dir = mkdtempSync(join(tmpdir(), "caldera-exchange-"));
  try {
    const config = join(dir, "caldera.toml");
    writeFileSync(config, toml(dir));
    const blocks = join(dir, "chain.rlp"), genesis = join(dir, "genesis.json");
    const head = await business(config);
    caldera("export", "--config", config, "--chain", "own", "--blocks", blocks, "--genesis", genesis);
    const executed = await execute(JSON.parse(readFileSync(genesis)), readFileSync(blocks));
    assert.ok(executed.transactions >= 4 && executed.blocks.length >= head.number, `${executed.transactions} transactions`);
    assert.equal(bytesToHex(executed.blocks[Number(head.number)].hash()), head.hash);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

function toml(dir) {
  const { alloc } = JSON.parse(readFileSync(fixture));
  const asked = ASKED.map((address) => `[[chain.account]]\naddress = "${address}"\nnonce = 1\ncode = "${alloc[address].code}"\n`);
  return `listen = "127.0.0.1:0"
data = "${dir}/data"
[admin]
listen = "127.0.0.1:0"
note = false
[[chain]]
name = "own"
chain-id = ${CHAIN_ID}
governor = "${account.address}"
block-interval-ms = ${BLOCK_MS}
genesis-time-s = 1700000000
[[chain.account]]
address = "${account.address}"
balance = "10000000000000000000000"
${asked.join("")}`;
}

/** Runs a node on it for some blocks with transactions of several types, and gives the last of them. */
async function business(config) {
  const node = await start(["node", "--config", config, "--json"]);
  try {
    const url = node.ready.chains[0].url;
    const chain = defineChain({ id: CHAIN_ID, name: "own", nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 }, rpcUrls: { default: { http: [url] } } });
    const reader = createPublicClient({ chain, transport: http() }), wallet = createWalletClient({ chain, account, transport: http() });
    const mined = async (hash) => {
      const receipt = await reader.waitForTransactionReceipt({ hash, pollingInterval: 100 });
      assert.equal(receipt.status, "success");
      return receipt;
    };
    const size = (RUNTIME.length / 2).toString(16).padStart(2, "0");
    const { contractAddress } = await mined(await wallet.sendTransaction({ data: `0x60${size}600c60003960${size}6000f3${RUNTIME}` }));
    const data = `0x${"07".padStart(64, "0")}`;
    await mined(await wallet.sendTransaction({ to: contractAddress, data, type: "legacy" }));
    const accessList = [{ address: contractAddress, storageKeys: [`0x${"00".repeat(32)}`] }];
    await mined(await wallet.sendTransaction({ to: contractAddress, data, accessList, type: "eip2930" }));
    const { blockNumber, logs } = await mined(await wallet.sendTransaction({ to: contractAddress, data, value: 5n }));
    assert.equal(logs.length, 1);
    return await reader.getBlock({ blockNumber });
  } finally {
    await node.stop();
  }
}

/** Executes a file of blocks; throws at the first that is not what it says. */
async function execute(genesis, file) {
  const common = createCommonFromGethGenesis(structuredClone(genesis), { chain: "own" });
  common.setHardfork("osaka");
  const [first, ...rest] = list(file).map((bytes) => createBlockFromRLP(bytes, { common, setHardfork: true }));
  const vm = await createVM({ common });
  await vm.stateManager.generateCanonicalGenesis(parseGethGenesisState(structuredClone(genesis)));
  assert.equal(bytesToHex(await vm.stateManager.getStateRoot()), bytesToHex(first.header.stateRoot));
  vm.blockchain = await createBlockchain({ common, genesisBlock: first, validateBlocks: true, validateConsensus: false });
  vm.evm.blockchain = vm.blockchain;
  let root = first.header.stateRoot, transactions = 0;
  for (const block of rest) {
    await runBlock(vm, { block, root, skipHardForkValidation: true });
    await vm.blockchain.putBlock(block);
    ({ stateRoot: root } = block.header);
    transactions += block.transactions.length;
  }
  return { blocks: [first, ...rest], transactions };
}

/** The RLP lists of a file, one after another. */
function list(file) {
  const blocks = [];
  for (let rest = file; rest.length > 0; ) {
    const { remainder, data } = RLP.decode(rest, true);
    blocks.push(rest.subarray(0, rest.length - remainder.length));
    assert.equal(data.length, 4, "header, transactions, ommers, withdrawals");
    rest = remainder;
  }
  return blocks;
}

function caldera(...args) {
  return execFileSync(process.env.CALDERA_BIN, args, { encoding: "utf8" });
}
