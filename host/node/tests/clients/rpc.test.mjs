// Every method that the node has, by viem and ethers where they know it, and by its own name where they do not. The last test
// compares what was called with what rpc_discover lists.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { bls12_381 } from "@noble/curves/bls12-381";
import openrpc from "@open-rpc/meta-schema";
import Ajv from "ajv";
import { JsonRpcProvider, WebSocketProvider, keccak256 as ethersKeccak } from "ethers";
import {
  concatHex, createPublicClient, createWalletClient, custom, decodeFunctionResult, defineChain, encodeFunctionData, getAddress,
  keccak256, numberToHex, parseEther, webSocket,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { clearingAbi, contract } from "./contracts.mjs";
import { startNode, timer } from "./node.mjs";
import { Rpc } from "./rpc.mjs";

const RECIPIENT = getAddress(`0x${"77".repeat(20)}`);
const CODED = getAddress(`0x${"c0de".repeat(10)}`);
/** Returns the word in slot 0. */
const READ_SLOT = "0x60005460005260206000f3";
/** Writes slot 0, and stops. */
const WRITE_SLOT = "0x600160005500";
const word = (n) => numberToHex(n, { size: 32 });

let node, rpc, reader, writer, account, token, provider, chain;

/** OpenRPC's own schema; that of JSON Schema, which it refers to, is checked by compiling each shape. */
function openRpcValidator() {
  const { $schema, $id, ...schema } = openrpc.default ?? openrpc;
  const local = JSON.parse(JSON.stringify(schema, (key, value) => (key === "$ref" && typeof value === "string" && !value.startsWith("#") ? undefined : value)));
  return new Ajv({ strict: false, validateFormats: false }).compile(local);
}

/** A transfer that is mined. */
async function transfer(value = 1n) {
  const hash = await writer.sendTransaction({ to: RECIPIENT, value });
  return reader.waitForTransactionReceipt({ hash });
}

/** What `ask` gives once it gives something. */
async function eventually(what, ask) {
  for (let tries = 0; tries < 400; tries++) {
    const found = await ask();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`it never came true that ${what}`);
}

describe("every method", () => {
  before(async () => {
    node = await startNode();
    const { finance } = node;
    rpc = new Rpc(finance.url);
    chain = defineChain({
      id: finance.chainId,
      name: finance.name,
      nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
      rpcUrls: { default: { http: [finance.url], webSocket: [finance.wsUrl] } },
    });
    account = privateKeyToAccount(node.ready.accounts[6].privateKey);
    // viem through the client that remembers.
    const transport = custom({ request: ({ method, params = [] }) => rpc.send(method, ...params) }, { retryCount: 0 });
    const shared = { chain, transport, pollingInterval: 50, cacheTime: 0 };
    [reader, writer] = [createPublicClient(shared), createWalletClient({ ...shared, account })];
    const { abi, bytecode } = contract("Token");
    const args = ["Test", "TST", 6, [account.address], [1_000n]];
    const { contractAddress } = await reader.waitForTransactionReceipt({ hash: await writer.deployContract({ abi, bytecode, args }) });
    token = { address: contractAddress, abi };
    provider = new JsonRpcProvider(finance.url, undefined, { batchMaxCount: 1, cacheTimeout: -1, pollingInterval: 50 });
  });
  after(() => {
    provider?.destroy();
    return node?.stop();
  });

  test("the node says who it is", async () => {
    assert.match(await rpc.send("web3_clientVersion"), /^anvil-compatible\/caldera\/v/);
    assert.equal(await rpc.send("web3_sha3", "0x68656c6c6f"), keccak256("0x68656c6c6f"));
    assert.equal(await rpc.send("web3_sha3", "0x"), ethersKeccak("0x"));
    assert.equal(await rpc.send("net_version"), String(chain.id));
    assert.equal(await rpc.send("net_listening"), true);
    assert.equal(await rpc.send("net_peerCount"), "0x0");
    assert.equal(await reader.getChainId(), chain.id);
    assert.equal(await rpc.send("eth_syncing"), false);
    assert.deepEqual((await rpc.send("eth_accounts")).map((address) => getAddress(address)), node.ready.accounts.map(({ address }) => address));
    assert.equal((await rpc.send("caldera_status")).halted, null);
    assert.ok((await rpc.send("caldera_engines")).mounts.length > 0);
    const capabilities = await rpc.send("eth_capabilities");
    assert.equal((await rpc.send("eth_getBlockByNumber", capabilities.head.number, false)).hash, capabilities.head.hash);
    for (const kind of ["state", "stateproofs", "blocks", "tx", "receipts", "logs"]) {
      assert.deepEqual(capabilities[kind], { disabled: false, oldestBlock: "0x0" });
    }
    const { head, blocks } = await rpc.send("caldera_getLoggedBlocks", "0x0", "0x1");
    assert.ok(head.startsWith("0x") && blocks.length === 1 && blocks[0].length > 1_000, "block 0 brings the engines");
  });

  test("a certificate holds for another BLS implementation, and a block comes with its witness", async () => {
    const { blockNumber, blockHash } = await transfer();
    const tag = numberToHex(blockNumber);
    const certificate = await eventually("the block is certified", () => rpc.send("caldera_getCertificate", tag));
    const { statement, committee, signers, message, signature } = certificate;
    assert.deepEqual([statement.height, statement.blockHash, BigInt(statement.chainId)], [tag, blockHash, BigInt(chain.id)]);
    // The signed bytes and the committee's root are made again from the fields, by nobody's code but this.
    const fields = concatHex([
      numberToHex(BigInt(statement.chainId), { size: 8 }), numberToHex(blockNumber, { size: 8 }), statement.blockHash, statement.stateRoot,
      numberToHex(BigInt(statement.epoch), { size: 8 }), statement.committeeRoot, "0x00",
    ]);
    assert.equal(message, fields);
    const members = committee.members.map(({ key, weight, owner }) => concatHex([key, numberToHex(BigInt(weight), { size: 8 }), owner]));
    const count = numberToHex(members.length, { size: 4 });
    assert.equal(keccak256(concatHex([numberToHex(BigInt(committee.epoch), { size: 8 }), count, ...members])), statement.committeeRoot);
    assert.ok(signers.length * 3 > committee.members.length * 2, "a quorum");
    const key = bls12_381.aggregatePublicKeys(signers.map((place) => committee.members[Number(place)].key.slice(2)));
    const holds = (domain, bytes) => {
      const DST = `CALDERA-${domain}-V1_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_`;
      return bls12_381.verify(signature.slice(2), bytes.slice(2), key, { DST });
    };
    assert.equal(holds("CERTIFICATE", message), true);
    assert.equal(holds("HANDOVER", message), false);
    assert.equal(holds("CERTIFICATE", concatHex([message.slice(0, -2), "0x01"])), false);
    const newest = await rpc.send("caldera_getCertificate");
    assert.ok(BigInt(newest.statement.height) >= blockNumber, "without a block: the newest one");
    assert.equal(await rpc.send("caldera_getCertificate", "0x0"), null);
    const { hash, block, witness } = await rpc.send("caldera_getWitness", tag);
    assert.equal(hash, blockHash);
    assert.ok(block.length > 1_000 && witness.length > 1_000);
    assert.ok((await rpc.refused("caldera_getWitness", "0x0")).message.includes("genesis"));
  });

  test("a state unit comes with the proof that another chain's weave engine takes", async () => {
    const weave = node.finance.mounts.find(({ name }) => name.startsWith("weave")).address;
    const transport = custom({ request: ({ method, params = [] }) => rpc.send(method, ...params) }, { retryCount: 0 });
    const governor = createWalletClient({ account: privateKeyToAccount(node.ready.accounts[0].privateKey), chain, transport });
    const [kind, owner, key] = [2, RECIPIENT.toLowerCase(), keccak256("0x01")];
    const issue = { name: "issue", type: "function", stateMutability: "nonpayable", outputs: [{ type: "bytes32" }], inputs: ["uint8", "address", "bytes32", "uint256", "uint64", "uint64"].map((type) => ({ type })) };
    const hash = await governor.writeContract({ address: weave, abi: [issue], functionName: "issue", args: [kind, owner, key, 7n, 4202n, 0n] });
    const { blockNumber, status } = await reader.waitForTransactionReceipt({ hash });
    assert.equal(status, "success");
    const tag = numberToHex(blockNumber);
    await eventually("the block is certified", () => rpc.send("caldera_getCertificate", tag));
    const name = { kind: "0x2", owner, key };
    const found = await rpc.send("caldera_getStateUnitProof", name, tag);
    assert.deepEqual([found.unit.owner, found.unit.value, found.unit.destination, found.unit.issued], [owner, "0x7", "0x106a", tag]);
    assert.equal(found.certificate, (await rpc.send("caldera_getCertificate", tag)).encoded);
    // The joined nodes are those of eth_getProof, and the slot has the first 31 bytes of the encoding's hash.
    const proof = await rpc.send("eth_getProof", weave, [found.slot], tag);
    assert.deepEqual(found.eip1186, proof);
    assert.equal(found.proof.accountProof, concatHex(proof.accountProof));
    assert.equal(found.proof.storageProof, concatHex(proof.storageProof[0].proof));
    assert.equal(proof.storageProof[0].value, `${keccak256(found.encoding).slice(0, 64)}3e`);
    assert.deepEqual(await rpc.send("caldera_getStateUnitProof", found.id, tag, weave), found);
    const before = await rpc.send("caldera_getStateUnitProof", name, numberToHex(blockNumber - 1n));
    assert.deepEqual([before.unit, before.encoding, before.proof.height], [null, null, numberToHex(blockNumber - 1n)]);
    assert.ok((await rpc.refused("caldera_getStateUnitProof", { ...name, kind: "0x9" })).message.includes("kind is 1"));
    assert.ok((await rpc.refused("caldera_getStateUnitProof", found.id, tag, RECIPIENT)).message.includes("no weave engine"));
  });

  test("blocks, their parts, and every tag", async () => {
    const { blockNumber, blockHash, transactionHash, transactionIndex } = await transfer();
    for (const blockTag of ["latest", "pending"]) {
      assert.ok((await reader.getBlock({ blockTag })).number >= blockNumber, blockTag);
    }
    // Once its validators have certified it.
    await eventually("the block is safe", async () => (await reader.getBlock({ blockTag: "safe" })).number >= blockNumber);
    assert.ok((await reader.getBlock({ blockTag: "finalized" })).number >= blockNumber);
    assert.equal((await reader.getBlock({ blockTag: "earliest" })).number, 0n);
    const block = await reader.getBlock({ blockHash, includeTransactions: true });
    assert.equal(block.transactions[transactionIndex].hash, transactionHash);
    const [number, index] = [numberToHex(blockNumber), numberToHex(transactionIndex)];
    const count = BigInt(block.transactions.length);
    assert.equal(BigInt(await reader.getBlockTransactionCount({ blockNumber })), count);
    assert.equal(BigInt(await reader.getBlockTransactionCount({ blockHash })), count);
    const receipts = await rpc.send("eth_getBlockReceipts", { blockHash, requireCanonical: true });
    assert.deepEqual(await rpc.send("eth_getBlockReceipts", number), receipts);
    assert.equal(receipts[transactionIndex].transactionHash, transactionHash);
    assert.equal(await rpc.send("eth_getBlockReceipts", "0xffffffff"), null);
    const whole = await rpc.send("eth_getTransactionByHash", transactionHash);
    assert.deepEqual(await rpc.send("eth_getTransactionByBlockHashAndIndex", blockHash, index), whole);
    assert.deepEqual(await rpc.send("eth_getTransactionByBlockNumberAndIndex", number, index), whole);
    const raw = await rpc.send("eth_getRawTransactionByHash", transactionHash);
    assert.equal(keccak256(raw), transactionHash);
    assert.equal(await rpc.send("eth_getRawTransactionByBlockHashAndIndex", blockHash, index), raw);
    assert.equal(await rpc.send("eth_getRawTransactionByBlockNumberAndIndex", number, index), raw);
    assert.equal(await rpc.send("debug_getRawTransaction", transactionHash), raw);
    assert.equal(keccak256(await rpc.send("debug_getRawHeader", number)), blockHash);
    assert.ok((await rpc.send("debug_getRawBlock", blockHash)).includes(raw.slice(2)));
    assert.equal((await rpc.send("debug_getRawReceipts", number)).length, receipts.length);
    for (const [by, place] of [["Hash", blockHash], ["Number", number]]) {
      assert.equal(await rpc.send(`eth_getUncleCountByBlock${by}`, place), "0x0");
      assert.equal(await rpc.send(`eth_getUncleByBlock${by}AndIndex`, place, "0x0"), null);
    }
    assert.equal(await rpc.send("eth_getBlockByHash", word(1), false), null);
    const unknown = await rpc.refused("eth_getBalance", RECIPIENT, { blockHash: word(1), requireCanonical: true });
    assert.equal(unknown.code, -32000);
  });

  test("fees", async () => {
    assert.ok((await reader.getGasPrice()) > 0n);
    assert.ok((await rpc.send("eth_maxPriorityFeePerGas")).startsWith("0x"));
    assert.equal(await reader.getBlobBaseFee(), 1n);
    assert.ok(BigInt(await rpc.send("eth_baseFee")) > 0n);
    const { baseFeePerGas, reward } = await reader.getFeeHistory({ blockCount: 2, rewardPercentiles: [10, 90] });
    assert.deepEqual([baseFeePerGas.length, reward.length, reward[0].length], [3, 2, 2]);
    const data = await provider.getFeeData();
    assert.ok(data.maxFeePerGas > 0n && data.gasPrice > 0n);
  });

  test("state and its proofs", async () => {
    assert.ok((await reader.getBalance({ address: account.address })) > parseEther("9000"));
    assert.equal(await provider.getBalance(account.address), await reader.getBalance({ address: account.address }));
    assert.ok((await reader.getTransactionCount({ address: account.address, blockTag: "pending" })) > 0);
    assert.ok((await reader.getCode({ address: token.address })).length > 2);
    const slots = [word(2), word(3)];
    const values = await rpc.send("eth_getStorageValues", { [token.address]: slots }, "latest");
    const one = await Promise.all(slots.map((slot) => reader.getStorageAt({ address: token.address, slot })));
    assert.deepEqual(values[token.address.toLowerCase()], one);
    const proof = await reader.getProof({ address: token.address, storageKeys: slots });
    assert.equal(proof.storageProof.length, 2);
  });

  test("calls with overrides", async () => {
    const stateOverride = [{ address: CODED, code: READ_SLOT, stateDiff: [{ slot: word(0), value: word(42) }] }];
    assert.equal((await reader.call({ to: CODED, stateOverride })).data, word(42));
    assert.equal((await reader.call({ to: CODED, stateOverride: [{ address: CODED, code: "0x4360005260206000f3" }], blockOverrides: { number: 99n } })).data, word(99));
    assert.ok((await reader.estimateGas({ account, to: CODED, stateOverride })) > 21_000n);
    const data = encodeFunctionData({ ...token, functionName: "balanceOf", args: [account.address] });
    const balance = await provider.call({ to: token.address, data });
    assert.equal(decodeFunctionResult({ ...token, functionName: "balanceOf", data: balance }), 1_000n);
    const { accessList, gasUsed } = await reader.createAccessList({ account, to: token.address, data });
    assert.equal(accessList[0].storageKeys.length, 1);
    assert.ok(gasUsed > 21_000n);
  });

  test("simulated blocks", async () => {
    const [first, second] = await reader.simulateBlocks({
      traceTransfers: true,
      blocks: [
        { stateOverrides: [{ address: CODED, balance: 10n }], calls: [{ account: CODED, to: RECIPIENT, value: 4n }] },
        { blockOverrides: { time: BigInt(2 ** 33) }, calls: [{ account: CODED, to: RECIPIENT, value: 6n }] },
      ],
    });
    assert.equal(first.calls[0].status, "success");
    assert.equal(first.calls[0].logs[0].data, word(4));
    assert.equal(second.calls[0].status, "success");
    assert.equal(second.timestamp, BigInt(2 ** 33));
    const broke = await rpc.refused("eth_simulateV1", { blockStateCalls: [{ calls: [{ from: CODED, to: RECIPIENT, value: "0x1" }] }] }, "latest");
    assert.equal(broke.code, -38014);
  });

  test("logs and filters", async () => {
    const [blocks, pending] = await Promise.all([rpc.send("eth_newBlockFilter"), rpc.send("eth_newPendingTransactionFilter")]);
    const filter = await reader.createContractEventFilter({ ...token, eventName: "Transfer" });
    const hash = await writer.writeContract({ ...token, functionName: "transfer", args: [RECIPIENT, 3n] });
    const { blockNumber, blockHash } = await reader.waitForTransactionReceipt({ hash });
    const [log] = await reader.getFilterChanges({ filter });
    assert.deepEqual([log.transactionHash, log.args.value], [hash, 3n]);
    assert.deepEqual(await reader.getFilterChanges({ filter }), []);
    assert.ok((await rpc.send("eth_getFilterChanges", blocks)).includes(blockHash));
    assert.ok((await rpc.send("eth_getFilterChanges", pending)).includes(hash));
    const all = await rpc.send("eth_newFilter", { address: token.address, fromBlock: "0x0" });
    assert.equal((await rpc.send("eth_getFilterLogs", all)).at(-1).transactionHash, hash);
    const logs = await provider.getLogs({ address: token.address, fromBlock: Number(blockNumber), toBlock: "latest" });
    assert.equal(logs[0].transactionHash, hash);
    assert.equal((await reader.getLogs({ address: token.address, blockHash }))[0].transactionHash, hash);
    assert.equal(await reader.uninstallFilter({ filter }), true);
    for (const id of [blocks, pending, all]) assert.equal(await rpc.send("eth_uninstallFilter", id), true);
    assert.match((await rpc.refused("eth_getFilterChanges", blocks)).message, /^filter not found/);
  });

  test("the pool", async () => {
    const nonce = await reader.getTransactionCount({ address: account.address, blockTag: "pending" });
    const request = { to: RECIPIENT, value: 1n, gas: 21_000n, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n, nonce: nonce + 1, type: "eip1559", chainId: chain.id };
    const hash = await rpc.send("eth_sendRawTransaction", await account.signTransaction(request));
    assert.equal((await reader.getTransaction({ hash })).blockHash, null);
    const { queued } = await rpc.send("txpool_content");
    const [sender] = Object.keys(queued).filter((key) => getAddress(key) === account.address);
    assert.equal(queued[sender][nonce + 1].hash, hash);
    assert.deepEqual((await rpc.send("txpool_contentFrom", account.address)).queued, queued[sender]);
    assert.match((await rpc.send("txpool_inspect")).queued[sender][nonce + 1], /: 1 wei \+ 21000 gas/);
    assert.equal((await rpc.send("txpool_status")).queued, "0x1");
    // Sent with the receipt as the answer: behind the gap first, then into it.
    const ahead = await rpc.refused("eth_sendRawTransactionSync", await account.signTransaction({ ...request, nonce: nonce + 2 }));
    assert.deepEqual([ahead.code, ahead.data], [6, numberToHex(nonce)]);
    const raw = await account.signTransaction({ ...request, nonce });
    const receipt = await writer.sendRawTransactionSync({ serializedTransaction: raw, timeout: 10_000 });
    assert.equal(receipt.status, "success");
    assert.equal((await rpc.send("eth_sendRawTransactionSync", raw)).transactionHash, receipt.transactionHash);
    await reader.waitForTransactionReceipt({ hash });
  });

  test("all kinds of transactions, and no blobs", async () => {
    const gas = await rpc.send("eth_gasPrice");
    for (const request of [{ type: "legacy", gasPrice: BigInt(gas) }, { type: "eip2930", gasPrice: BigInt(gas), accessList: [] }, { type: "eip1559" }]) {
      const hash = await writer.sendTransaction({ to: RECIPIENT, value: 1n, ...request });
      const receipt = await reader.waitForTransactionReceipt({ hash });
      assert.deepEqual([receipt.status, receipt.type], ["success", request.type]);
    }
    const authorization = await writer.signAuthorization({ contractAddress: token.address, executor: "self" });
    const hash = await writer.sendTransaction({ to: account.address, authorizationList: [authorization], data: "0x18160ddd" });
    assert.equal((await reader.waitForTransactionReceipt({ hash })).type, "eip7702");
    assert.equal(await reader.getCode({ address: account.address }), `0xef0100${token.address.slice(2).toLowerCase()}`);
    const blob = await rpc.refused("eth_sendRawTransaction", "0x03f8");
    assert.match(blob.message, /EIP-4844/);
    const staged = await rpc.refused("caldera_sendRawTransactionWithSidecar", "0x03f8", []);
    assert.match(staged.message, /EIP-4844/);
  });

  test("traces of contracts and engines", async () => {
    const hash = await writer.writeContract({ ...token, functionName: "transfer", args: [RECIPIENT, 1n] });
    const { blockNumber, blockHash, transactionIndex } = await reader.waitForTransactionReceipt({ hash });
    const steps = await rpc.send("debug_traceTransaction", hash);
    assert.ok(steps.structLogs.some(({ op }) => op === "SSTORE"));
    const options = { tracer: "callTracer", tracerConfig: { withLog: true } };
    const frame = await rpc.send("debug_traceTransaction", hash, options);
    assert.equal(frame.logs.length, 1);
    const top = await rpc.send("debug_traceTransaction", hash, { tracer: "callTracer", tracerConfig: { onlyTopCall: true } });
    assert.equal(top.calls, undefined);
    const prestate = await rpc.send("debug_traceTransaction", hash, { tracer: "prestateTracer", tracerConfig: { diffMode: true } });
    assert.ok(prestate.post[token.address.toLowerCase()].storage);
    const byNumber = await rpc.send("debug_traceBlockByNumber", numberToHex(blockNumber), options);
    assert.deepEqual(byNumber[transactionIndex], { txHash: hash, result: frame });
    assert.deepEqual(await rpc.send("debug_traceBlockByHash", blockHash, options), byNumber);
    const stateOverrides = { [CODED]: { code: WRITE_SLOT } };
    const call = await rpc.send("debug_traceCall", { to: CODED }, "latest", { stateOverrides });
    assert.deepEqual(call.structLogs.map(({ op }) => op), ["PUSH1", "PUSH1", "SSTORE", "STOP"]);
    const clearing = node.finance.mounts.find(({ name }) => name.includes("clearing"));
    const data = encodeFunctionData({ abi: clearingAbi, functionName: "currentCycle" });
    const engine = await rpc.send("debug_traceCall", { to: clearing.address, data }, "latest", options);
    assert.equal(engine.caldera.digest, clearing.digest);
    assert.ok(engine.caldera.hostCalls.some(({ name }) => name === "state.get"));
    assert.ok(BigInt(engine.caldera.fuelUsed) > 0n);
  });

  test("subscriptions", async () => {
    const socket = createPublicClient({ chain, transport: webSocket(node.finance.wsUrl) });
    const seen = { newHeads: [], logs: [], newPendingTransactions: [] };
    const listen = async (...params) => socket.transport.subscribe({ params, onData: ({ result }) => seen[params[0]].push(result) });
    const ends = [await listen("newHeads"), await listen("logs", { address: token.address }), await listen("newPendingTransactions", true)];
    rpc.called.add("eth_subscribe");
    const hash = await writer.writeContract({ ...token, functionName: "transfer", args: [RECIPIENT, 1n] });
    const { blockHash } = await reader.waitForTransactionReceipt({ hash });
    const came = () => seen.newHeads.some((head) => head.hash === blockHash) && seen.logs.some((log) => log.transactionHash === hash)
      && seen.newPendingTransactions.some((tx) => tx.hash === hash);
    for (let waited = 0; !came(); waited += 50) {
      assert.ok(waited < 10_000, JSON.stringify(seen));
      await timer(50);
    }
    for (const end of ends) assert.equal((await end.unsubscribe()).result, true);
    rpc.called.add("eth_unsubscribe");
    const client = await socket.transport.getRpcClient();
    client.close();
    const ws = new WebSocketProvider(node.finance.wsUrl);
    // Not `once`: it unsubscribes without waiting for the answer, which `destroy` would then cancel.
    const [head] = await Promise.all([new Promise((resolve) => ws.on("block", resolve)), transfer()]);
    assert.ok(head > 0);
    await ws.destroy();
  });

  test("limits are named", async () => {
    const batch = Array.from({ length: 201 }, (_, id) => ({ jsonrpc: "2.0", id, method: "eth_chainId", params: [] }));
    const answer = await fetch(rpc.url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(batch) });
    assert.match(JSON.stringify(await answer.json()), /batch request was too large.*Exceeded max limit of 200/);
    assert.equal((await rpc.refused("eth_getProof", token.address, Array(1_025).fill("0x0"), "latest")).code, -32005);
    assert.equal((await rpc.refused("eth_makeCoffee")).code, -32601);
  });

  test("rpc_discover is a valid OpenRPC document, and nothing in it was left out here", async () => {
    const document = await rpc.send("rpc_discover");
    assert.deepEqual(await rpc.send("rpc.discover"), document);
    const validate = openRpcValidator();
    assert.ok(validate(document), JSON.stringify(validate.errors));
    // What only development chains have is called in development.test.mjs.
    const common = document.methods.filter(({ tags }) => !tags.some(({ name }) => name === "development"));
    const left = common.map(({ name }) => name).filter((name) => !rpc.called.has(name));
    assert.deepEqual(left, []);
    // Its shapes compile, and a real answer has its shape.
    const ajv = new Ajv({ strict: false, validateFormats: false }).addSchema({ $id: "doc", ...document });
    const shape = (name) => ajv.compile({ $ref: `doc#/components/schemas/${name}` });
    for (const name of Object.keys(document.components.schemas)) shape(name);
    const { transactionHash, blockHash } = await transfer();
    const answers = {
      Receipt: await rpc.send("eth_getTransactionReceipt", transactionHash),
      Block: await rpc.send("eth_getBlockByHash", blockHash, true),
      Transaction: await rpc.send("eth_getTransactionByHash", transactionHash),
      AccountProof: await rpc.send("eth_getProof", token.address, ["0x0"], "latest"),
      FeeHistory: await rpc.send("eth_feeHistory", "0x2", "latest", [50]),
      Engines: await rpc.send("caldera_engines"),
      Certificate: await rpc.send("caldera_getCertificate"),
      Witness: await rpc.send("caldera_getWitness", "latest"),
      StateUnitProof: await rpc.send("caldera_getStateUnitProof", `0x${"00".repeat(32)}`),
    };
    for (const [name, value] of Object.entries(answers)) {
      const fits = shape(name);
      assert.ok(fits(value), `${name}: ${JSON.stringify(fits.errors)}`);
    }
  });
});
