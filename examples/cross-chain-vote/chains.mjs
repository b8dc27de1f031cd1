// One live node with as many chains as asked for, each with a weave engine, and what the three ways do on a chain.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bls12_381 as bls } from "@noble/curves/bls12-381";
import {
  bytesToHex, concat, decodeFunctionResult, encodeAbiParameters, encodeDeployData, encodeFunctionData, getContractAddress, hexToBytes,
  keccak256, numberToHex, parseAbiParameters, parseEventLogs, toHex,
} from "viem";
import { mnemonicToAccount } from "viem/accounts";

const at = (path) => new URL(path, import.meta.url);
export const weaveAbi = JSON.parse(readFileSync(at("../../plugins/weave/engine/abi.json"), "utf8"));
export const contract = (name) => JSON.parse(readFileSync(at(`out/${name}.json`), "utf8"));

/** Where the weave engine is mounted on each chain. */
export const WEAVE = "0x000000000000000000000000000000000003ea7e";
export const PERMISSION = 2;
const MNEMONIC = "test test test test test test test test test test test junk";
const VALIDATORS = 4;
const FIRST_CHAIN_ID = 4301;
const BLOCK_MS = 250;
/** Blocks that a root may lie behind the newest known one. */
const MAX_LAG = 1_000n;
/** Wei for each unit of gas: more than the base fee of a quiet chain. */
const GAS_PRICE = 5_000_000_000n;
const CALL_GAS = 2_000_000n;
/** For what checks proofs and signatures of many chains: below the limit of a transaction (EIP-7825). */
export const PROOFS_GAS = 12_000_000n;
const DEPLOY_GAS = 8_000_000n;
const START_MS = 120_000;
const WITHIN_MS = 60_000;
/** Between two looks for a receipt or a certificate: little beside a block. */
const POLL_MS = 10;

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
export const account = (index) => mnemonicToAccount(MNEMONIC, { addressIndex: index });

/** A chain of the node: sends what accounts sign, keeps count of transactions and gas. */
export class Chain {
  #nonces = new Map();
  /** Of each account, the transaction that was handed over last. */
  #sent = new Map();
  /** By hash, who waits for a receipt. */
  #waiting = new Map();
  #watching = false;
  #lastId = 0;
  transactions = 0;
  gas = 0n;

  constructor({ chainId, name, url }) {
    Object.assign(this, { id: chainId, name, url });
  }

  async rpc(method, ...params) {
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++this.#lastId, method, params });
    const response = await fetch(this.url, { method: "POST", headers: { "content-type": "application/json" }, body });
    const { result, error } = await response.json();
    if (error) throw new Error(`${this.name}: ${method}: ${error.message} ${JSON.stringify(error.data ?? "")}`);
    return result;
  }

  /** Signs, sends, and gives the receipt as soon as a block has it. It must have succeeded. */
  async #send(from, { to, data, gas }) {
    const nonce = this.#nonces.get(from.address) ?? 0;
    this.#nonces.set(from.address, nonce + 1);
    const fees = { maxFeePerGas: GAS_PRICE, maxPriorityFeePerGas: 0n };
    const before = this.#sent.get(from.address);
    const sign = () => from.signTransaction({ type: "eip1559", chainId: this.id, nonce, to, data, gas, ...fees });
    // One after another, so that no nonce overtakes the one before it on its way.
    const sent = Promise.all([sign(), before]).then(([raw]) => this.rpc("eth_sendRawTransaction", raw));
    this.#sent.set(from.address, sent);
    const receipt = await this.#receipt(await sent);
    if (receipt.status !== "0x1") {
      const call = { from: from.address, to, data, gas: numberToHex(gas) };
      const why = await this.rpc("eth_call", call, "latest").then(() => "and would not be now", (error) => error.message);
      throw new Error(`${this.name}: a transaction was refused: ${why}`);
    }
    this.transactions += 1;
    this.gas += BigInt(receipt.gasUsed);
    return receipt;
  }

  /** The receipt, as soon as a block has it. One look at the chain serves all that wait. */
  async #receipt(hash) {
    const receipt = new Promise((resolve, reject) => this.#waiting.set(hash, { resolve, reject }));
    if (!this.#watching) {
      this.#watching = true;
      this.#watch().catch((error) => this.#fail(() => error));
    }
    // A block that the watch is past may have it already.
    const there = await this.rpc("eth_getTransactionReceipt", hash);
    if (!there) return receipt;
    this.#waiting.delete(hash);
    return there;
  }

  #fail(why) {
    for (const [hash, { reject }] of this.#waiting) reject(why(hash));
    this.#waiting.clear();
  }

  async #watch() {
    try {
      let seen = BigInt(await this.rpc("eth_blockNumber")) - 2n;
      let end = Date.now() + WITHIN_MS;
      for (; this.#waiting.size > 0; await sleep(POLL_MS)) {
        const newest = BigInt(await this.rpc("eth_blockNumber"));
        while (seen < newest) {
          seen += 1n;
          for (const receipt of await this.rpc("eth_getBlockReceipts", numberToHex(seen < 0n ? 0n : seen))) {
            this.#waiting.get(receipt.transactionHash)?.resolve(receipt);
            if (this.#waiting.delete(receipt.transactionHash)) end = Date.now() + WITHIN_MS;
          }
        }
        if (Date.now() < end) continue;
        this.#fail((hash) => new Error(`${this.name}: no block took ${hash} within ${WITHIN_MS} ms`));
      }
    } finally {
      // In the same moment in which nobody waits any more, so that nobody comes in between.
      this.#watching = false;
    }
  }

  /** Once the node has all that was sent so far: what is sent now comes behind it in the same block. */
  async handedOver() {
    await Promise.all(this.#sent.values());
  }

  send(from, to, abi, functionName, args, gas = CALL_GAS) {
    return this.#send(from, { to, data: encodeFunctionData({ abi, functionName, args }), gas });
  }

  weave(from, functionName, ...args) {
    return this.send(from, WEAVE, weaveAbi, functionName, args);
  }

  async deploy(from, name, ...args) {
    const { abi, bytecode } = contract(name);
    const nonce = BigInt(this.#nonces.get(from.address) ?? 0);
    await this.#send(from, { data: encodeDeployData({ abi, bytecode, args }), gas: DEPLOY_GAS });
    return getContractAddress({ from: from.address, nonce });
  }

  async read(to, abi, functionName, ...args) {
    const data = await this.rpc("eth_call", { to, data: encodeFunctionData({ abi, functionName, args }) }, "latest");
    return decodeFunctionResult({ abi, functionName, data });
  }

  /** Gives a right that is for use on `destination`: the unit, and the block that has it. */
  async issue(from, owner, key, value, destination) {
    const receipt = await this.weave(from, "issue", PERMISSION, owner, key, value, BigInt(destination), 0n);
    const [{ args }] = parseEventLogs({ abi: weaveAbi, logs: receipt.logs, eventName: "UnitIssued" });
    return { unit: args.unit, slot: this.slotOf(args.id), height: BigInt(receipt.blockNumber) };
  }

  /** The newest block that is certified, once that is this one or a later one: its height and certificate. */
  async certified(height) {
    for (const end = Date.now() + WITHIN_MS; ; await sleep(POLL_MS)) {
      const safe = BigInt((await this.rpc("eth_getBlockByNumber", "safe", false))?.number ?? 0);
      const found = safe >= height ? await this.rpc("caldera_getCertificate", numberToHex(safe)) : null;
      if (found) return { height: safe, certificate: found.encoded };
      if (Date.now() > end) {
        const head = BigInt(await this.rpc("eth_blockNumber"));
        throw new Error(`${this.name}: block ${height} is not certified after ${WITHIN_MS} ms; safe is ${safe}, the newest ${head}`);
      }
    }
  }

  /** Where the proof of a unit is read: found before it is asked for. */
  slotOf(id) {
    return this.read(WEAVE, weaveAbi, "slotOf", id);
  }

  /** What `accept` takes after a unit. */
  async proof(slot, height) {
    const { accountProof, storageProof } = await this.rpc("eth_getProof", WEAVE, [slot], numberToHex(height));
    return { height, accountProof: concat(accountProof), storageProof: concat(storageProof[0].proof) };
  }
}

/** Starts the node. `accounts` are funded on every chain; the first of them governs. */
export async function start(count, accounts) {
  const bin = process.env.CALDERA_BIN ?? at("../../target/release/caldera").pathname;
  const plugins = process.env.CALDERA_PLUGINS ?? at("../../target/plugins").pathname;
  const data = mkdtempSync(join(tmpdir(), "caldera-vote-"));
  const config = join(data, "caldera.toml");
  writeFileSync(config, configuration(count, accounts, join(plugins, "weave-v1.wasm"), join(data, "chains")));
  const child = spawn(bin, ["node", "--config", config, "--json"], { stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  // Should this process go first, however it goes, the node does not outlive it.
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]]) process.once(signal, () => process.exit(code));
  let log = "";
  child.stderr.on("data", (chunk) => (log = (log + chunk).slice(-8_000)));
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
    process.removeListener("exit", kill);
    rmSync(data, { recursive: true });
  };
  const ready = new Promise((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const said = line.startsWith("{") ? JSON.parse(line) : {};
      if (said.event === "ready") resolve(said);
    });
  });
  const late = new Promise((resolve) => setTimeout(resolve, START_MS, null).unref());
  const said = await Promise.race([ready, exited.then(() => null), late]);
  if (said === null) {
    kill();
    rmSync(data, { recursive: true });
    throw new Error(`${bin} ended, or is not live after ${START_MS / 1_000} s:\n${log}`);
  }
  const chains = said.chains.map((chain) => new Chain(chain));
  return { chains, committee: committee(join(data, "chains"), accounts), stop };
}

function configuration(count, accounts, component, data) {
  const types = "(address governor, uint64 unbondSeconds, uint16 rewardBps, (uint64,address,uint64)[] origins, uint64 epoch, (bytes,uint64,address,bytes)[] committee)";
  const init = { governor: accounts[0].address, unbondSeconds: 3_600n, rewardBps: 1_000, origins: [], epoch: 0n, committee: [] };
  const text = (value) => JSON.stringify(value);
  const owners = accounts.slice(0, VALIDATORS).map(({ address }) => address);
  const lines = ['listen = "127.0.0.1:0"', `data = ${text(data)}`, "[admin]", 'listen = "127.0.0.1:0"', "note = false"];
  lines.push("[validation]", `owners = ${text(owners)}`);
  for (let n = 0; n < count; n++) {
    lines.push("[[chain]]", `name = "chain-${n + 1}"`, `chain-id = ${FIRST_CHAIN_ID + n}`, `governor = ${text(accounts[0].address)}`);
    lines.push(`block-interval-ms = ${BLOCK_MS}`);
    for (const { address } of accounts) {
      lines.push("[[chain.account]]", `address = ${text(address)}`, 'balance = "1000000000000000000000"');
    }
    lines.push("[[chain.mount]]", `address = ${text(WEAVE)}`, `component = ${text(component)}`);
    lines.push('grants = ["state", "evm", "crypto", "log", "bls", "mpt"]');
    lines.push(`config = ${text(encodeAbiParameters(parseAbiParameters(types), [init]))}`);
  }
  return lines.join("\n") + "\n";
}

/** What a chain is told of the validators. The operator's own keys prove that they are had. */
function committee(data, accounts) {
  const DST = "CALDERA-POSSESSION-V1_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
  return accounts.slice(0, VALIDATORS).map(({ address }, n) => {
    const secret = hexToBytes(`0x${readFileSync(join(data, "validator_keys", `${n}.key`), "utf8").trim()}`);
    const key = bls.getPublicKey(secret);
    return { key: bytesToHex(key), weight: 1n, owner: address, possession: bytesToHex(bls.sign(key, secret, { DST })) };
  });
}

/** Lets `to` believe the committee of `origin` and count its rights, by the word of its governor. */
export async function link(to, origin, governor, members, key) {
  if (origin !== to) {
    await to.weave(governor, "setOrigin", BigInt(origin.id), WEAVE, MAX_LAG);
    await to.weave(governor, "setCommittee", BigInt(origin.id), 0n, members);
  }
  const rule = { localKey: key, maxStaleness: 0n, expiryCap: 0n, cap: 0n };
  await to.weave(governor, "setRule", BigInt(origin.id), PERMISSION, key, rule);
}

export const named = (text) => keccak256(toHex(text));
