// What a dapp built with ethers does, against a real node.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  Contract, ContractFactory, Interface, JsonRpcProvider, NonceManager, Wallet, WebSocketProvider, encodeBytes32String,
  isError, parseEther, toBeHex,
} from "ethers";
import { SYSTEM_ADDRESS, clearingAbi, clearingCaller, contract } from "./contracts.mjs";
import { startNode, timer } from "./node.mjs";
import { engineSlot, provenAccount, provenWord } from "./proof.mjs";

let node, provider, me, operator, clearing, caller;
const engine = new Interface(clearingAbi);

/** Sends and waits for the receipt. */
const mined = async (sending) => (await sending).wait();

/** The typed reason with which a call is refused. */
async function refusal(calling) {
  const error = await calling.then(() => assert.fail("the call should be refused"), (error) => error);
  assert.ok(isError(error, "CALL_EXCEPTION"), error);
  assert.ok(error.revert, error.message);
  return [error.revert.name, ...error.revert.args];
}

async function deploy({ abi, bytecode }, ...args) {
  const deployed = await new ContractFactory(abi, bytecode, me).deploy(...args);
  return deployed.waitForDeployment();
}

describe("ethers", () => {
  before(async () => {
    node = await startNode();
    // ethers answers a repeated question from its own memory for 250 ms unless told not to: a nonce would be that of before.
    const options = { pollingInterval: 50, batchMaxCount: 20, cacheTimeout: -1 };
    provider = new JsonRpcProvider(node.finance.url, undefined, options);
    const wallet = (n) => new NonceManager(new Wallet(node.ready.accounts[n].privateKey, provider));
    [me, operator] = [wallet(6), wallet(0)];
    const { address } = node.finance.mounts.find((mount) => mount.name.includes("clearing"));
    clearing = new Contract(address, clearingAbi, me);
  });
  after(async () => {
    provider?.destroy();
    await node?.stop();
  });

  test("the chain is the one it says", async () => {
    assert.equal((await provider.getNetwork()).chainId, 4201n);
    assert.equal(await provider.getBalance(me), parseEther("10000"));
  });

  test("a Solidity contract calls the engine and its typed reasons come back", async () => {
    const { settlementAsset } = await clearing.config();
    caller = await deploy(clearingCaller(), clearing, settlementAsset);
    const [mine, theirs, id] = [await me.getAddress(), await caller.getAddress(), encodeBytes32String("INV-1")];
    assert.deepEqual(await refusal(caller.owe.staticCall(mine, 1000, id)), ["NotRegistered", theirs]);
    await mined(caller.register());
    await mined(clearing.register());

    const receipt = await mined(caller.owe(mine, 1000, id));
    const submitted = receipt.logs.filter((log) => log.address === clearing.target).map((log) => engine.parseLog(log));
    assert.deepEqual(submitted.map(({ name }) => name), ["ObligationSubmitted"]);
    const [, debtor, creditor, amount, due] = submitted[0].args;
    assert.deepEqual([debtor, creditor, amount, due], [theirs, mine, 1000n, 0n]);
    assert.deepEqual(await refusal(caller.owe.staticCall(mine, 1000, id)), ["DuplicateReference", theirs, id]);
    assert.deepEqual(await refusal(caller.owe.staticCall(mine, 0, encodeBytes32String("INV-2"))), ["ZeroAmount"]);

    // Sent all the same, it is mined and fails.
    const failed = await caller.owe(mine, 1000, id, { gasLimit: 500_000 });
    await assert.rejects(failed.wait(), (error) => isError(error, "CALL_EXCEPTION") && error.receipt.status === 0);
  });

  test("Solidity catches the engine's reason", async () => {
    const { logs } = await mined(caller.tryOwe(me, 1000, encodeBytes32String("INV-1")));
    const { args } = caller.interface.parseLog(logs[0]);
    const reason = engine.parseError(args.reason);
    assert.deepEqual([reason.name, reason.args[0]], ["DuplicateReference", caller.target]);
    assert.equal(args.selector, reason.selector);
  });

  test("heads and logs come over a WebSocket", async () => {
    const token = await deploy(contract("Token"), "Test", "TST", 6, [me], [1_000]);
    const socket = new WebSocketProvider(node.finance.wsUrl);
    const listening = token.connect(socket);
    const heads = [], amounts = [];
    await socket.on("block", (number) => heads.push(number));
    await listening.on("Transfer", (_from, _to, value) => amounts.push(value));
    await timer(300); // Both subscriptions are answered.
    for (const amount of [1, 2, 3]) await mined(token.transfer(operator, amount));
    await until(() => amounts.length >= 3 && heads.length >= 3, "three logs and three heads");
    assert.deepEqual(amounts, [1n, 2n, 3n]);
    for (let i = 1; i < heads.length; i++) assert.equal(heads[i], heads[i - 1] + 1);
    await socket.destroy();

    const to = token.filters.Transfer(null, await operator.getAddress());
    const found = await token.queryFilter(to, 0, "latest");
    assert.deepEqual(found.map((log) => log.args.value), [1n, 2n, 3n]);
    assert.ok(found.every((log, i) => i === 0 || log.blockNumber >= found[i - 1].blockNumber));
  });

  test("events come over HTTP by polling, too", async () => {
    const token = await deploy(contract("Token"), "Test", "TST", 6, [me], [1_000]);
    const amounts = [];
    await token.on("Transfer", (_from, _to, value) => amounts.push(value));
    await timer(200);
    await mined(token.transfer(operator, 9));
    await until(() => amounts.includes(9n), "the event is polled");
    await token.removeAllListeners();
  });

  test("fees are estimated and kept to", async () => {
    const fees = await provider.getFeeData();
    assert.ok(fees.maxFeePerGas > fees.maxPriorityFeePerGas && fees.gasPrice > 0n);
    const receipt = await mined(me.sendTransaction({ to: operator, value: 1n }));
    assert.ok(receipt.gasPrice <= fees.maxFeePerGas * 2n);
    assert.equal(receipt.gasUsed, 21_000n);
  });

  test("fifty transactions in flight each get their nonce", async () => {
    const first = await provider.getTransactionCount(me, "pending");
    me.reset();
    const to = "0x00000000000000000000000000000000000FA571";
    const sent = await Promise.all(Array.from({ length: 50 }, () => me.sendTransaction({ to, value: 1n, gasLimit: 21_000 })));
    assert.deepEqual(sent.map(({ nonce }) => nonce).toSorted((a, b) => a - b), Array.from({ length: 50 }, (_, i) => first + i));
    const receipts = await Promise.all(sent.map((response) => response.wait()));
    assert.ok(receipts.every(({ status }) => status === 1));
    assert.equal(await provider.getTransactionCount(me, "pending"), first + 50);
    assert.equal(await provider.getBalance(to), 50n);
  });

  test("refusals are told apart", async () => {
    const wallet = me.signer;
    const nonce = await provider.getTransactionCount(wallet);
    const send = (request) => wallet.sendTransaction({ to: wallet, gasLimit: 21_000, ...request });
    await assert.rejects(send({ nonce: nonce - 1 }), (error) => isError(error, "NONCE_EXPIRED"));
    const poor = Wallet.createRandom(provider);
    await assert.rejects(poor.sendTransaction({ to: poor, value: 1n, gasLimit: 21_000 }), (error) => isError(error, "INSUFFICIENT_FUNDS"));
    const price = { maxFeePerGas: 20_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n };
    // A gap before it keeps the first of the two in the pool.
    await send({ nonce: nonce + 1, value: 1n, ...price });
    await assert.rejects(send({ nonce: nonce + 1, value: 2n, ...price }), (error) => isError(error, "REPLACEMENT_UNDERPRICED"));
    await mined(send({ nonce }));
    me.reset();
  });

  test("the engine's storage is proven under the block's state root", async () => {
    const block = await provider.getBlock("latest");
    const { operator: expected } = await clearing.config({ blockTag: block.number });
    // Field `operator` of the engine's storage: the field's name with its length before it is the whole key.
    const slot = engineSlot("0x08" + Buffer.from("operator").toString("hex"));
    const proof = await provider.send("eth_getProof", [clearing.target, [slot], toBeHex(block.number).replace(/^0x0+/, "0x")]);
    const account = await provenAccount(block.stateRoot, proof);
    const word = toBeHex(await provenWord(account.storageHash, proof.storageProof[0]), 32);
    assert.equal(word.slice(0, 42), expected.toLowerCase(), "20 bytes stand in the slot itself");
    assert.equal(word.slice(-2), "28", "with twice their number in the last byte");
  });

  test("the chain's own transactions can be read like any other", async () => {
    const { open } = await clearing.currentCycle();
    const { blockNumber } = await mined(clearing.connect(operator).closeCycle());
    let settled = [];
    await until(async () => (settled = await clearing.queryFilter(clearing.filters.CycleSettled(open), blockNumber)).length, "the cycle is settled");
    const own = await settled[0].getTransaction();
    assert.equal(own.from, SYSTEM_ADDRESS);
    const block = await provider.getBlock(own.blockNumber, true);
    assert.ok(block.prefetchedTransactions.some(({ hash }) => hash === own.hash));
    assert.equal((await own.wait()).status, 1);
  });
});

async function until(done, what) {
  for (let waited = 0; waited < 20_000; waited += 50) {
    if (await done()) return;
    await timer(50);
  }
  assert.fail(`waited in vain: ${what}`);
}
