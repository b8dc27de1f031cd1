// What a dapp built with viem does, against a real node.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  BaseError, ContractFunctionRevertedError, concat, createPublicClient, createWalletClient, decodeErrorResult, defineChain,
  getAddress, http, isAddressEqual, numberToHex, parseEther, parseEventLogs, size, stringToHex, toFunctionSelector, webSocket,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { REGISTRY, SYSTEM_ADDRESS, clearingAbi, clearingCaller, contract } from "./contracts.mjs";
import { startNode, timer } from "./node.mjs";
import { engineSlot, engineValue, provenAccount, provenWord } from "./proof.mjs";

let node, reader, writer, operator, clearing, caller;
const name = (text) => stringToHex(text, { size: 32 });

/** Sends a call and waits for its receipt. */
async function write(request, wallet = writer) {
  const hash = await wallet.writeContract(request);
  return reader.waitForTransactionReceipt({ hash });
}

/** The typed reason with which a call is refused before it is sent. */
async function refusal(request) {
  const error = await reader.simulateContract({ account: writer.account, ...request }).then(
    () => assert.fail("the call should be refused"),
    (error) => error,
  );
  assert.ok(error instanceof BaseError, error);
  const reverted = error.walk((cause) => cause instanceof ContractFunctionRevertedError);
  assert.ok(reverted?.data, error.message);
  return reverted.data;
}

async function deploy({ abi, bytecode }, args) {
  const hash = await writer.deployContract({ abi, bytecode, args });
  const { contractAddress, status } = await reader.waitForTransactionReceipt({ hash });
  assert.equal(status, "success");
  return { address: contractAddress, abi };
}

describe("viem", () => {
  before(async () => {
    node = await startNode();
    const { finance } = node;
    const chain = defineChain({
      id: finance.chainId,
      name: finance.name,
      nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
      rpcUrls: { default: { http: [finance.url], webSocket: [finance.wsUrl] } },
    });
    const shared = { chain, transport: http(), pollingInterval: 50 };
    const wallet = (n) => createWalletClient({ ...shared, account: privateKeyToAccount(node.ready.accounts[n].privateKey) });
    [reader, writer, operator] = [createPublicClient(shared), wallet(5), wallet(0)];
    clearing = { address: finance.mounts.find((mount) => mount.name.includes("clearing")).address, abi: clearingAbi };
  });
  after(() => node?.stop());

  test("the chain is the one it says", async () => {
    assert.equal(await reader.getChainId(), 4201);
    assert.equal(await reader.getBalance({ address: writer.account.address }), parseEther("10000"));
  });

  test("a Solidity contract calls the engine and its typed reasons come back", async () => {
    const config = await reader.readContract({ ...clearing, functionName: "config" });
    caller = await deploy(clearingCaller(), [clearing.address, config.settlementAsset]);
    const me = writer.account.address;
    const owe = (amount, id) => ({ ...caller, functionName: "owe", args: [me, amount, name(id)] });

    const unknown = await refusal(owe(1000n, "INV-1"));
    assert.deepEqual([unknown.errorName, unknown.args], ["NotRegistered", [getAddress(caller.address)]]);

    assert.equal((await write({ ...caller, functionName: "register" })).status, "success");
    assert.equal((await write({ ...clearing, functionName: "register" })).status, "success");
    const receipt = await write(owe(1000n, "INV-1"));
    const [submitted] = parseEventLogs({ ...clearing, logs: receipt.logs, eventName: "ObligationSubmitted" });
    assert.ok(isAddressEqual(submitted.address, clearing.address) && isAddressEqual(submitted.args.debtor, caller.address));
    assert.deepEqual([submitted.args.creditor, submitted.args.amount, submitted.args.referenceId], [me, 1000n, name("INV-1")]);

    const twice = await refusal(owe(1000n, "INV-1"));
    assert.deepEqual([twice.errorName, twice.args], ["DuplicateReference", [getAddress(caller.address), name("INV-1")]]);
    assert.equal((await refusal(owe(0n, "INV-2"))).errorName, "ZeroAmount");

    // Sent all the same, it is mined and fails.
    const failed = await write({ ...owe(1000n, "INV-1"), gas: 500_000n });
    assert.equal(failed.status, "reverted");
    assert.equal(failed.logs.length, 0);
  });

  test("Solidity catches the engine's reason", async () => {
    const args = [writer.account.address, 1000n, name("INV-1")];
    const { logs, status } = await write({ ...caller, functionName: "tryOwe", args });
    assert.equal(status, "success");
    const [refused] = parseEventLogs({ ...caller, logs, eventName: "Refused" });
    assert.equal(refused.args.selector, toFunctionSelector("DuplicateReference(address,bytes32)"));
    const reason = decodeErrorResult({ abi: clearingAbi, data: refused.args.reason });
    assert.deepEqual(reason.args, [getAddress(caller.address), name("INV-1")]);
  });

  test("heads and logs come over a WebSocket", async () => {
    const token = await deploy(contract("Token"), ["Test", "TST", 6, [writer.account.address], [1_000n]]);
    const socket = createPublicClient({ chain: reader.chain, transport: webSocket() });
    const heads = [], logs = [];
    const stops = [
      socket.watchBlocks({ onBlock: (block) => heads.push(block), onError: assert.fail }),
      socket.watchContractEvent({ ...token, eventName: "Transfer", onLogs: (some) => logs.push(...some), onError: assert.fail }),
    ];
    await timer(300); // Both subscriptions are answered.
    const hashes = [];
    for (const amount of [1n, 2n, 3n]) {
      hashes.push((await write({ ...token, functionName: "transfer", args: [operator.account.address, amount] })).transactionHash);
    }
    await until(() => logs.length >= 3 && heads.length >= 3, "three logs and three heads");
    assert.deepEqual(logs.map((log) => [log.transactionHash, log.args.value]), hashes.map((hash, i) => [hash, BigInt(i + 1)]));
    for (let i = 1; i < heads.length; i++) assert.equal(heads[i].parentHash, heads[i - 1].hash);
    stops.forEach((stop) => stop());
    (await socket.transport.getRpcClient()).close();

    // The same logs by filter, in one question and in many.
    const found = await reader.getContractEvents({ ...token, eventName: "Transfer", args: { to: operator.account.address }, fromBlock: 0n });
    assert.deepEqual(found.map((log) => log.transactionHash), hashes);
    const filter = await reader.createContractEventFilter({ ...token, eventName: "Transfer" });
    await write({ ...token, functionName: "transfer", args: [operator.account.address, 4n] });
    assert.deepEqual((await reader.getFilterChanges({ filter })).map((log) => log.args.value), [4n]);
    assert.deepEqual(await reader.getFilterChanges({ filter }), []);
  });

  test("fees are estimated and kept to", async () => {
    const fees = await reader.estimateFeesPerGas();
    assert.ok(fees.maxFeePerGas > fees.maxPriorityFeePerGas);
    const gas = await reader.estimateGas({ account: writer.account, to: operator.account.address, value: 1n });
    const hash = await writer.sendTransaction({ to: operator.account.address, value: 1n, gas, ...fees });
    const receipt = await reader.waitForTransactionReceipt({ hash });
    assert.ok(receipt.gasUsed <= gas && receipt.effectiveGasPrice <= fees.maxFeePerGas);
    const { effectiveGasPrice, blockNumber } = receipt;
    const { baseFeePerGas } = await reader.getBlock({ blockNumber });
    assert.ok(effectiveGasPrice >= baseFeePerGas);
    const history = await reader.getFeeHistory({ blockCount: 4, rewardPercentiles: [25, 75] });
    assert.equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1);
  });

  test("fifty transactions in flight each get their nonce", async () => {
    const address = writer.account.address;
    const first = await reader.getTransactionCount({ address, blockTag: "pending" });
    const fees = await reader.estimateFeesPerGas();
    const to = "0x00000000000000000000000000000000000fa570";
    // Backwards, so that most arrive behind a gap.
    const nonces = Array.from({ length: 50 }, (_, i) => first + 49 - i);
    const hashes = await Promise.all(nonces.map((nonce) => writer.sendTransaction({ to, value: 1n, gas: 21_000n, nonce, ...fees })));
    const receipts = await Promise.all(hashes.map((hash) => reader.waitForTransactionReceipt({ hash })));
    assert.ok(receipts.every((receipt) => receipt.status === "success"));
    assert.equal(await reader.getTransactionCount({ address, blockTag: "pending" }), first + 50);
    assert.equal(await reader.getBalance({ address: to }), 50n);
    const again = writer.sendTransaction({ to, value: 2n, gas: 21_000n, nonce: first, ...fees });
    await assert.rejects(again, (error) => error.walk((cause) => cause.name === "NonceTooLowError") !== null);
  });

  test("the engine's storage is proven under the block's state root", async () => {
    const { logs } = await reader.getTransactionReceipt({ hash: await registration() });
    const [{ args }] = parseEventLogs({ ...clearing, logs, eventName: "Registered" });
    const debtor = numberToHex(args.number, { size: 4 });
    const { block, values } = await proven(clearing.address, [
      entry("address_of", debtor), // A participant's number to its address.
      entry("records", debtor, name("INV-1")), // An obligation, by debtor and reference.
      entry("address_of", numberToHex(4_000_000, { size: 4 })), // Nobody.
    ]);
    assert.ok(isAddressEqual(values[0], caller.address), values[0]);
    assert.ok(values[1].includes("03e8"), `the amount, 1000, stands in ${values[1]}`);
    assert.equal(values[2], "0x");
    // The same entry by eth_getStorageAt, for who trusts the node.
    const word = await reader.getStorageAt({
      address: clearing.address, slot: engineSlot(entry("address_of", debtor)), blockNumber: block.number,
    });
    assert.ok(word.startsWith(values[0]));
  });

  test("which component runs is proven, too", async () => {
    const { digest } = node.finance.mounts.find(({ address }) => isAddressEqual(address, clearing.address));
    const record = concat([stringToHex("mount/"), clearing.address]);
    const { values: [mount] } = await proven(REGISTRY, [record]);
    assert.ok(size(mount) > 31, "a long value, in several slots");
    assert.ok(mount.includes(digest.slice(2)), mount);
  });

  test("a proof that was tampered with proves nothing", async () => {
    const block = await reader.getBlock();
    const storageKeys = [engineSlot(entry("operator"))];
    const proof = await reader.getProof({ address: clearing.address, storageKeys, blockNumber: block.number });
    const { storageHash } = await provenAccount(block.stateRoot, proof);
    const [slot] = proof.storageProof;
    assert.ok(await provenWord(storageHash, slot) > 0n);
    await assert.rejects(provenWord(block.stateRoot, slot), "under another root");
    const leaf = slot.proof.at(-1);
    const bent = leaf.slice(0, -2) + (leaf.endsWith("00") ? "01" : "00");
    await assert.rejects(provenWord(storageHash, { ...slot, proof: slot.proof.with(-1, bent) }), "with another leaf");
    await assert.rejects(provenAccount(block.stateRoot, { ...proof, accountProof: proof.accountProof.slice(1) }), "without its root");
  });

  test("a cycle settles in the chain's own transactions, which can be read like any other", async () => {
    const [open] = await reader.readContract({ ...clearing, functionName: "currentCycle" });
    const { blockNumber } = await write({ ...clearing, functionName: "closeCycle" }, operator);
    const settled = () => reader.getContractEvents({ ...clearing, eventName: "CycleSettled", args: { cycle: open }, fromBlock: blockNumber });
    let logs = [];
    await until(async () => (logs = await settled()).length > 0, "the cycle is settled");
    const own = await reader.getTransaction({ hash: logs[0].transactionHash });
    assert.ok(isAddressEqual(own.from, SYSTEM_ADDRESS));
    const block = await reader.getBlock({ blockHash: own.blockHash, includeTransactions: true });
    assert.ok(block.transactions.some(({ hash }) => hash === own.hash));
    const cycle = await reader.readContract({ ...clearing, functionName: "cycle", args: [open] });
    assert.deepEqual([cycle.obligations, cycle.gross, cycle.net], [1n, 1000n, 1000n]);
  });
});

/** The transaction in which the contract registered. */
async function registration() {
  const events = await reader.getContractEvents({ ...clearing, eventName: "Registered", args: { participant: caller.address }, fromBlock: 0n });
  return events[0].transactionHash;
}

/** Entries of an engine's storage at the head, each word of them proven under the block's state root. */
async function proven(address, keys) {
  const block = await reader.getBlock();
  const prove = async (storageKeys) => {
    const proof = await reader.getProof({ address, storageKeys, blockNumber: block.number });
    const { storageHash } = await provenAccount(block.stateRoot, proof);
    return Promise.all(proof.storageProof.map(async (slot) => numberToHex(await provenWord(storageHash, slot), { size: 32 })));
  };
  const values = keys.map((key) => engineValue(key, async (slot) => (await prove([slot]))[0]));
  return { block, values: await Promise.all(values) };
}

/** The key of an entry in an engine's storage: the field's name with its length before it, then the entry's own key. */
function entry(field, ...keys) {
  return stringToHex(String.fromCharCode(field.length) + field) + keys.map((key) => key.slice(2)).join("");
}

async function until(done, what) {
  for (let waited = 0; waited < 20_000; waited += 50) {
    if (await done()) return;
    await timer(50);
  }
  assert.fail(`waited in vain: ${what}`);
}
