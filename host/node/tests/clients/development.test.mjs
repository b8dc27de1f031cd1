// What test suites of Foundry and Hardhat projects tell their node, by viem's test client in both its modes and by ethers, to a
// chain with engines. The last test compares what was called with what rpc_discover lists.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { JsonRpcProvider, verifyMessage, verifyTypedData } from "ethers";
import {
  createPublicClient, createTestClient, createWalletClient, custom, defineChain, getAddress, numberToHex, parseEther,
  recoverMessageAddress, recoverTypedDataAddress,
} from "viem";
import { clearingAbi, contract } from "./contracts.mjs";
import { startNode } from "./node.mjs";
import { Rpc } from "./rpc.mjs";

const SOMEBODY = getAddress(`0x${"77".repeat(20)}`);
const CODED = getAddress(`0x${"c0de".repeat(10)}`);
/** Returns the word in slot 0. */
const READ_SLOT = "0x60005460005260206000f3";
const word = (n) => numberToHex(n, { size: 32 });
const typed = {
  domain: { name: "Ether Mail", version: "1", chainId: 4201 },
  types: { Mail: [{ name: "to", type: "address" }, { name: "contents", type: "string" }] },
  message: { to: SOMEBODY, contents: "Hello" },
};

let node, rpc, chain, accounts, provider, reader, transport;

describe("a development chain", () => {
  before(async () => {
    node = await startNode("--automine");
    const { finance } = node;
    rpc = new Rpc(finance.url);
    chain = defineChain({
      id: finance.chainId,
      name: finance.name,
      nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
      rpcUrls: { default: { http: [finance.url] } },
    });
    accounts = node.ready.accounts.map(({ address }) => address);
    transport = custom({ request: ({ method, params = [] }) => rpc.send(method, ...params) }, { retryCount: 0 });
    reader = createPublicClient({ chain, transport, pollingInterval: 50, cacheTime: 0 });
    provider = new JsonRpcProvider(finance.url, undefined, { batchMaxCount: 1, cacheTimeout: -1, pollingInterval: 50 });
  });
  after(() => {
    provider?.destroy();
    return node?.stop();
  });

  for (const mode of ["anvil", "hardhat"]) {
    test(`viem's test client in mode ${mode}`, async () => {
      const tester = createTestClient({ chain, transport, mode });
      const balance = () => reader.getBalance({ address: SOMEBODY });
      const started = await balance();
      const id = await tester.snapshot();
      const height = await reader.getBlockNumber();

      await tester.setBalance({ address: SOMEBODY, value: parseEther("5") });
      assert.equal(await balance(), parseEther("5"));
      await tester.setCode({ address: CODED, bytecode: READ_SLOT });
      await tester.setStorageAt({ address: CODED, index: 0, value: word(42) });
      assert.equal(await reader.getCode({ address: CODED }), READ_SLOT);
      assert.equal((await reader.call({ to: CODED })).data, word(42));
      await tester.setNonce({ address: SOMEBODY, nonce: 9 });
      assert.equal(await reader.getTransactionCount({ address: SOMEBODY, blockTag: "pending" }), 9);

      // In the name of somebody without a key here, then of a contract.
      for (const account of [SOMEBODY, CODED]) {
        await tester.impersonateAccount({ address: account });
        await tester.setBalance({ address: account, value: parseEther("5") });
        const wallet = createWalletClient({ chain, transport, account });
        const hash = await wallet.sendTransaction({ to: accounts[9], value: 3n });
        const receipt = await reader.getTransactionReceipt({ hash });
        assert.deepEqual([receipt.status, getAddress(receipt.from)], ["success", account]);
        assert.equal((await reader.getTransaction({ hash })).from.toLowerCase(), account.toLowerCase());
        await tester.stopImpersonatingAccount({ address: account });
        await assert.rejects(wallet.sendTransaction({ to: accounts[9], value: 3n }), /unknown account/);
      }

      // Times.
      const { timestamp } = await reader.getBlock();
      await tester.setNextBlockTimestamp({ timestamp: timestamp + 1_000n });
      await tester.mine({ blocks: 1 });
      assert.equal((await reader.getBlock()).timestamp, timestamp + 1_000n);
      await tester.increaseTime({ seconds: 500 });
      await tester.mine({ blocks: 3, interval: 60 });
      const later = (await reader.getBlock()).timestamp - timestamp;
      assert.ok(later >= 1_620n && later < 1_640n, String(later));

      // Transactions wait while blocks are not made with them.
      assert.equal(await tester.getAutomine(), true);
      await tester.setAutomine(false);
      const wallet = createWalletClient({ chain, transport, account: accounts[8] });
      const hash = await wallet.sendTransaction({ to: SOMEBODY, value: 1n });
      assert.equal((await reader.getTransaction({ hash })).blockNumber, null);
      await tester.mine({ blocks: 1 });
      assert.equal((await reader.getTransactionReceipt({ hash })).status, "success");
      await tester.setIntervalMining({ interval: mode === "hardhat" ? 1 : 100 });
      await reader.waitForTransactionReceipt({ hash: await wallet.sendTransaction({ to: SOMEBODY, value: 1n }) });
      await tester.setIntervalMining({ interval: 0 });
      await tester.setAutomine(true);

      await tester.revert({ id });
      assert.deepEqual([await balance(), await reader.getBlockNumber()], [started, height]);
      assert.equal(await reader.getCode({ address: CODED }), undefined);
    });
  }

  test("an engine is called by who has no key", async () => {
    const clearing = { address: node.finance.mounts[0].address, abi: clearingAbi };
    const read = { ...clearing, functionName: clearingAbi.find((item) => item.type === "function" && item.stateMutability === "view" && item.inputs.length === 0).name };
    const before = await reader.readContract(read);
    const tester = createTestClient({ chain, transport, mode: "anvil" });
    const id = await tester.snapshot();
    await rpc.send("anvil_autoImpersonateAccount", true);
    await tester.setBalance({ address: SOMEBODY, value: parseEther("1") });
    const wallet = createWalletClient({ chain, transport, account: SOMEBODY });
    const { abi, bytecode } = contract("Token");
    const hash = await wallet.deployContract({ abi, bytecode, args: ["Test", "TST", 6, [SOMEBODY], [1_000n]] });
    const { contractAddress: address } = await reader.getTransactionReceipt({ hash });
    assert.equal(await reader.readContract({ address, abi, functionName: "balanceOf", args: [SOMEBODY] }), 1_000n);
    // What an engine has stored can be changed, but not the code that says which engine runs.
    await assert.rejects(tester.setCode({ address: clearing.address, bytecode: "0x00" }), /set by a swap alone/);
    await rpc.send("anvil_autoImpersonateAccount", false);
    assert.equal(await rpc.send("anvil_revert", id), true);
    assert.deepEqual(await reader.readContract(read), before);
  });

  test("ethers' signers are the ten accounts", async () => {
    const signer = await provider.getSigner(4);
    assert.equal(signer.address, accounts[4]);
    const receipt = await (await signer.sendTransaction({ to: SOMEBODY, value: 5n })).wait();
    assert.deepEqual([receipt.status, receipt.from], [1, accounts[4]]);
    assert.equal(verifyMessage("hello", await signer.signMessage("hello")), accounts[4]);
    const { domain, types, message } = typed;
    assert.equal(verifyTypedData(domain, types, message, await signer.signTypedData(domain, types, message)), accounts[4]);
    await assert.rejects(signer.sendTransaction({ to: node.finance.mounts[0].address, data: "0x12345678" }), /revert/);
  });

  test("viem's wallet asks the node to sign", async () => {
    const wallet = createWalletClient({ chain, transport, account: accounts[2] });
    assert.deepEqual(await wallet.getAddresses(), accounts);
    const signature = await wallet.signMessage({ message: "hello" });
    assert.equal(await recoverMessageAddress({ message: "hello", signature }), accounts[2]);
    assert.equal(await rpc.send("eth_sign", accounts[2], "0x68656c6c6f"), signature);
    const data = { ...typed, primaryType: "Mail" };
    const signed = await wallet.signTypedData(data);
    assert.equal(await recoverTypedDataAddress({ ...data, signature: signed }), accounts[2]);
    // Every type of transaction.
    for (const request of [{ gasPrice: parseEther("0.000000002") }, { gasPrice: parseEther("0.000000002"), accessList: [{ address: CODED, storageKeys: [] }] }, { maxFeePerGas: parseEther("0.000000002") }]) {
      const hash = await wallet.sendTransaction({ to: SOMEBODY, value: 1n, ...request });
      assert.equal((await reader.getTransactionReceipt({ hash })).status, "success");
    }
  });

  test("what waits is dropped", async () => {
    const tester = createTestClient({ chain, transport, mode: "anvil" });
    const id = await tester.snapshot();
    await tester.setAutomine(false);
    const send = async (account) => createWalletClient({ chain, transport, account }).sendTransaction({ to: SOMEBODY, value: 1n });
    const [first, second, third] = [await send(accounts[5]), await send(accounts[6]), await send(accounts[7])];
    const waiting = async () => Number((await rpc.send("txpool_status")).pending);
    assert.equal(await waiting(), 3);
    await tester.dropTransaction({ hash: first });
    assert.equal(await rpc.send("anvil_dropTransaction", first), null);
    assert.equal(await rpc.send("hardhat_dropTransaction", first), false);
    await rpc.send("anvil_removePoolTransactions", accounts[6]);
    assert.equal(await rpc.send("eth_getTransactionByHash", second), null);
    assert.equal(await waiting(), 1);
    await rpc.send("anvil_dropAllTransactions");
    assert.equal(await rpc.send("eth_getTransactionByHash", third), null);
    assert.equal(await waiting(), 0);
    // Their nonces are free again.
    const again = await send(accounts[5]);
    await tester.mine({ blocks: 1 });
    assert.equal((await reader.getTransactionReceipt({ hash: again })).status, "success");
    await tester.setAutomine(true);
    await tester.revert({ id });
  });

  test("the other names, and refusals", async () => {
    const height = await reader.getBlockNumber();
    await rpc.send("evm_mine");
    const { timestamp } = await reader.getBlock();
    await rpc.send("evm_mine", numberToHex(timestamp + 10n));
    await rpc.send("evm_mine", { blocks: 2, timestamp: Number(timestamp) + 20 });
    assert.equal(await reader.getBlockNumber(), height + 4n);
    const id = await rpc.send("anvil_snapshot");
    await rpc.send("anvil_increaseTime", 10);
    await rpc.send("anvil_setNextBlockTimestamp", Number(timestamp) + 1_000);
    await rpc.send("anvil_setAutomine", true);
    await rpc.send("anvil_setIntervalMining", 0);
    assert.equal(await rpc.send("evm_revert", id), true);
    assert.equal(await rpc.send("evm_revert", "0xffff"), false);
    assert.equal((await rpc.refused("evm_setNextBlockTimestamp", 1)).code, -32602);
    assert.equal((await rpc.refused("anvil_mine", 100_000)).code, -32005);
    assert.equal((await rpc.refused("evm_setIntervalMining", 1)).code, -32602);
    assert.equal((await rpc.refused("anvil_setBalance", SOMEBODY, "lots")).code, -32602);
  });

  test("nothing that rpc_discover lists was left out", async () => {
    const { methods } = await rpc.send("rpc_discover");
    const own = methods.filter(({ tags }) => tags.some(({ name }) => name === "development")).map(({ name }) => name);
    assert.ok(own.length > 30);
    assert.deepEqual(own.filter((name) => !rpc.called.has(name)), []);
  });
});
