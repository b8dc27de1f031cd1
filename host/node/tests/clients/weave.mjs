// Weave engines of a live development node, as the tests use them: mounted and linked where they are not yet, with committees
// whose keys the tests hold (@noble/curves) and with states that those committees make up (@ethereumjs/trie).

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { RLP } from "@ethereumjs/rlp";
import { Trie } from "@ethereumjs/trie";
import { bls12_381 as bls } from "@noble/curves/bls12-381";
import {
  BaseError, ContractFunctionRevertedError, bytesToHex, concat, createPublicClient, createWalletClient, defineChain,
  encodeAbiParameters, encodePacked, hexToBytes, http, keccak256, numberToHex, parseAbiParameters, parseEventLogs, slice, toHex, trim,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { startNode, timer } from "./node.mjs";
import { engineSlot } from "./proof.mjs";
import { Rpc } from "./rpc.mjs";

export const weaveAbi = JSON.parse(
  readFileSync(new URL("../../../../plugins/weave/engine/abi.json", import.meta.url), "utf8"),
);

/** Where the engine is mounted if the node did not. */
const MOUNT = "0x000000000000000000000000000000000000ea7e";
/** More than a call takes; with a limit of its own, nothing stops a call before it is in a block. */
const GAS = 6_000_000n;
/** Longest wait for a block, a certificate or an engine, in milliseconds. */
const WITHIN_MS = 60_000;

export const ASSET = 1;
export const PERMISSION = 2;
export const WEI = `0x${"00".repeat(20)}`;

/** The fields of a unit in the order of its encoding, with their Solidity types. */
export const FIELDS = [
  ["version", "uint8"],
  ["kind", "uint8"],
  ["origin", "uint64"],
  ["issuer", "address"],
  ["owner", "address"],
  ["key", "bytes32"],
  ["serial", "uint64"],
  ["destination", "uint64"],
  ["value", "uint256"],
  ["issued", "uint64"],
  ["nonce", "uint64"],
  ["expiry", "uint64"],
];

function packed(unit, names) {
  const fields = names.map((name) => FIELDS.find(([known]) => known === name));
  return encodePacked(fields.map(([, type]) => type), fields.map(([name]) => unit[name]));
}

export const encodeUnit = (unit) => packed(unit, FIELDS.map(([name]) => name));
export const unitId = (unit) => keccak256(packed(unit, ["origin", "issuer", "kind", "owner", "key", "serial"]));
export const unitCommitment = (unit) => slice(keccak256(encodeUnit(unit)), 0, 31);
export const unitSlot = (unit) => engineSlot(concat([toHex(4, { size: 1 }), toHex("unit"), unitId(unit)]));

const u64 = (n) => numberToHex(BigInt(n), { size: 8 });
const dst = (domain) => ({ DST: `CALDERA-${domain}-V1_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_` });
const publicKey = (secret) => bytesToHex(bls.getPublicKey(secret));
const sign = (domain, message, secret) => bytesToHex(bls.sign(hexToBytes(message), secret, dst(domain)));
const aggregate = (signatures) => bytesToHex(bls.aggregateSignatures(signatures.map((signature) => hexToBytes(signature))));

/** What a chain is told of a validator. */
export function member(secret, owner) {
  const key = publicKey(secret);
  return { key, weight: 1n, owner, possession: sign("POSSESSION", key, secret) };
}

/** A key that cancels those of others, so that its maker alone signs for all of them; it has no secret key of its own. */
export function rogueMember(others, secret, owner) {
  const { ProjectivePoint: Point } = bls.G1;
  const sum = others.reduce((sum, { key }) => sum.add(Point.fromHex(key.slice(2))), Point.ZERO);
  const key = bytesToHex(Point.fromHex(publicKey(secret).slice(2)).subtract(sum).toRawBytes(true));
  const keys = [...others.map((other) => other.key), key].map((key) => hexToBytes(key));
  const message = toHex("whatever the attacker likes");
  // Without proofs of possession this would be the signature of all.
  assert.ok(bls.verify(hexToBytes(sign("CERTIFICATE", message, secret)), hexToBytes(message), bls.aggregatePublicKeys(keys), dst("CERTIFICATE")));
  return { key, weight: 1n, owner, possession: sign("POSSESSION", key, secret) };
}

/** Validators whose keys the test holds, of a chain that may not exist. */
export class Committee {
  constructor(chainId, owners, epoch = 1n) {
    this.secrets = owners.map((_, place) => hexToBytes(keccak256(toHex(`${chainId}/${epoch}/${place}`))));
    this.members = owners.map((owner, place) => member(this.secrets[place], owner));
    Object.assign(this, { chainId: BigInt(chainId), epoch });
    const head = [u64(epoch), numberToHex(owners.length, { size: 4 })];
    this.root = keccak256(concat([...head, ...this.members.flatMap(({ key, weight, owner }) => [key, u64(weight), owner])]));
  }

  /** The bytes that are signed. What is left out is made up, and true of the committee. */
  statement(height, { blockHash = keccak256(u64(height)), stateRoot = keccak256(toHex("state")), ...other } = {}) {
    const { chainId, epoch, root } = { chainId: this.chainId, epoch: this.epoch, root: this.root, ...other };
    return concat([u64(chainId), u64(height), blockHash, stateRoot, u64(epoch), root, "0x00"]);
  }

  /** A certificate by these places; `signed` says who signs in truth, and how often. */
  certificate(statement, { places = [0, 1, 2], signed = places, domain = "CERTIFICATE" } = {}) {
    const bits = new Uint8Array(Math.ceil(this.members.length / 8));
    for (const place of places) bits[place >> 3] |= 1 << (place & 7);
    const signatures = signed.map((place) => sign(domain, statement, this.secrets[place]));
    return concat([statement, toHex(bits), aggregate(signatures)]);
  }

  vote(statement, place, secret = this.secrets[place]) {
    return concat([statement, numberToHex(place, { size: 2 }), sign("CERTIFICATE", statement, secret)]);
  }

  equivocation(one, other) {
    return concat(["0x01", one, other]);
  }
}

/** A state in which an engine has these units and nothing else is: its root, and the proof of the first of them. */
export async function madeUpState(engine, units, height) {
  const storage = new Trie({ useKeyHashing: true });
  for (const unit of units) {
    const word = concat([unitCommitment(unit), toHex(62, { size: 1 })]);
    await storage.put(hexToBytes(unitSlot(unit)), RLP.encode(hexToBytes(trim(word))));
  }
  const state = new Trie({ useKeyHashing: true });
  const account = [Uint8Array.of(1), new Uint8Array(), storage.root(), hexToBytes(keccak256("0x00"))];
  await state.put(hexToBytes(engine), RLP.encode(account));
  const join = (nodes) => concat(nodes.map((node) => bytesToHex(node)));
  const accountProof = join(await state.createProof(hexToBytes(engine)));
  const storageProof = join(await storage.createProof(hexToBytes(unitSlot(units[0]))));
  return { stateRoot: bytesToHex(state.root()), proof: { height: BigInt(height), accountProof, storageProof } };
}

/**
 * What a certificate says, if a quorum of the committee signed it: checked by nothing of the node's but its committee, whose keys and
 * weights are `caldera_getCertificate`'s.
 */
export function certified({ encoded, committee }) {
  const [statement, bitmap, signature] = [slice(encoded, 0, 121), slice(encoded, 121, -96), slice(encoded, -96)];
  const bits = hexToBytes(bitmap);
  const signers = committee.members.filter((_, place) => (bits[place >> 3] >> (place & 7)) & 1);
  const weight = (members) => members.reduce((sum, { weight }) => sum + BigInt(weight), 0n);
  assert.ok(weight(signers) * 3n > weight(committee.members) * 2n, "a quorum");
  const key = bls.aggregatePublicKeys(signers.map(({ key }) => hexToBytes(key)));
  assert.ok(bls.verify(hexToBytes(signature), hexToBytes(statement), key, dst("CERTIFICATE")), "their signature");
  return { height: BigInt(slice(statement, 8, 16)), blockHash: slice(statement, 16, 48), stateRoot: slice(statement, 48, 80) };
}

/** A development chain with a weave engine. */
class Chain {
  constructor(ready, accounts) {
    const chain = defineChain({
      id: ready.chainId,
      name: ready.name,
      nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
      rpcUrls: { default: { http: [ready.url] } },
    });
    const shared = { chain, transport: http(), pollingInterval: 25 };
    this.id = BigInt(ready.chainId);
    this.url = ready.url;
    this.rpc = new Rpc(ready.url);
    this.reader = createPublicClient({ ...shared, cacheTime: 0 });
    this.wallets = accounts.map(({ privateKey }) => createWalletClient({ ...shared, account: privateKeyToAccount(privateKey) }));
    this.engine = ready.mounts.find((mount) => mount.name.startsWith("weave"))?.address;
    /** Whether the node carries units to this chain by itself. */
    this.isServed = this.engine !== undefined;
  }

  read(functionName, ...args) {
    return this.reader.readContract({ address: this.engine, abi: weaveAbi, functionName, args });
  }

  /** Sends a call and gives its receipt, whatever came of it. */
  async try(functionName, args, { from = 0, value = 0n, gas = GAS } = {}) {
    const request = { address: this.engine, abi: weaveAbi, functionName, args, value, gas };
    const hash = await this.wallets[from].writeContract(request);
    return this.reader.waitForTransactionReceipt({ hash });
  }

  /** Sends a call, which must succeed. */
  async send(functionName, args, how) {
    const receipt = await this.try(functionName, args, how);
    if (receipt.status !== "success") assert.fail(`${functionName} is refused: ${await this.refusal(functionName, args, how)}`);
    return receipt;
  }

  /** The name of the error with which a call is refused, and its arguments as text. Looked up only. */
  async refusal(functionName, args, { from = 0, value = 0n } = {}) {
    const request = { address: this.engine, abi: weaveAbi, functionName, args, value, account: this.wallets[from].account };
    const error = await this.reader.simulateContract(request).then(() => null, (error) => error);
    if (error === null) return "nothing";
    const reverted = error instanceof BaseError && error.walk((cause) => cause instanceof ContractFunctionRevertedError);
    if (!reverted?.data) throw error;
    return `${reverted.data.errorName}(${(reverted.data.args ?? []).map(short).join(", ")})`;
  }

  /** The same, of a call that is also sent: it must be refused in a block too, and change no more than its sender's gas. */
  async refused(functionName, args, how) {
    const reason = await this.refusal(functionName, args, how);
    const { status, logs } = await this.try(functionName, args, how);
    assert.deepEqual([status, logs.length], ["reverted", 0], `${functionName} was taken in a block`);
    return reason;
  }

  event(receipt, eventName) {
    const [event] = parseEventLogs({ abi: weaveAbi, logs: receipt.logs, eventName });
    assert.ok(event, `no ${eventName}`);
    return event.args;
  }

  /** The certificate of a block by the chain's own committee, once there is one. */
  certificate(height) {
    return eventually(`block ${height} is certified`, async () => {
      const { result } = await this.rpc.post({ method: "caldera_getCertificate", params: [numberToHex(height)] });
      return result;
    });
  }

  /** What `accept`, `mint` and `unlock` take after a unit: the proof at a height [the newest], and the certificate of it. */
  async prove(unit, height) {
    const at = height ?? (await this.reader.getBlockNumber());
    const answer = await this.rpc.send("eth_getProof", this.engine, [unitSlot(unit)], numberToHex(at));
    const [accountProof, storageProof] = [answer.accountProof, answer.storageProof[0].proof].map((nodes) => concat(nodes));
    return [{ height: at, accountProof, storageProof }, (await this.certificate(at)).encoded];
  }

  /** The same for this chain, of a later block of the origin than the one by which it knows the right. */
  async later(origin, unit) {
    const { provenHeight } = await this.read("rightOf", unit.origin, unit.kind, unit.owner, unit.key);
    await eventually("a later block", async () => (await origin.reader.getBlockNumber()) > provenHeight);
    return origin.prove(unit);
  }

  /** Gives a right. */
  async issue(owner, key, destination, value = 10n) {
    return this.event(await this.send("issue", [PERMISSION, owner, key, value, destination, 0n]), "UnitIssued").unit;
  }

  /** Takes a right of another chain in, or proves it again. If the node carries, it must have been faster. */
  async accept(origin, unit) {
    const { origin: id, kind, owner, key } = unit;
    const isHere = async () => (await this.read("rightOf", id, kind, owner, key)).nonce >= unit.nonce;
    if (this.isServed) await eventually("the node carries the right", isHere);
    await this.try("accept", [unit, ...(await this.later(origin, unit))]);
    const { nonce } = await this.read("rightOf", unit.origin, unit.kind, unit.owner, unit.key);
    assert.equal(nonce, unit.nonce, "the right is accepted");
  }

  /** Takes an asset in by `mint` or `unlock`, unless somebody was faster. Gives what was sent. */
  async arrive(how, origin, unit) {
    const args = [unit, ...(await origin.prove(unit))];
    await this.try(how, args);
    assert.equal(await this.read("isConsumed", unitId(unit)), true, `${how} took effect`);
    return args;
  }

  /** What a right of that origin counts for here: the same. */
  mapRight(origin, key, terms = {}) {
    const rule = { localKey: key, maxStaleness: 0n, expiryCap: 0n, cap: 0n, ...terms };
    return this.send("setRule", [origin, PERMISSION, key, rule]);
  }

  mapAsset(origin, asset, cap = 0n) {
    return this.send("setRule", [origin, ASSET, asset, { localKey: asset, maxStaleness: 0n, expiryCap: 0n, cap }]);
  }

  /** Believes a chain that is not there, by the word of a committee. */
  async believe(committee, engine, maxLag = 100n) {
    await this.send("setOrigin", [committee.chainId, engine, maxLag]);
    await this.send("setCommittee", [committee.chainId, committee.epoch, committee.members]);
  }
}

const short = (value) => (typeof value === "string" && value.length > 42 ? `${value.slice(0, 10)}…` : String(value));

/** A value once there is one. */
export async function eventually(what, look) {
  for (const end = Date.now() + WITHIN_MS; Date.now() < end; await timer(25)) {
    const found = await look();
    if (found) return found;
  }
  return assert.fail(`not within ${WITHIN_MS} ms: ${what}`);
}

/** A development node whose chains all have a weave engine and believe each other. */
export async function startWeave(...more) {
  const data = mkdtempSync(join(tmpdir(), "caldera-weave-"));
  const node = await startNode("--data", data, ...more);
  const stop = async () => {
    await node.stop();
    rmSync(data, { recursive: true });
  };
  const chains = node.ready.chains.map((ready) => new Chain(ready, node.ready.accounts));
  const { accounts } = node.ready;
  for (const chain of chains) if (!chain.engine) await mount(chain, accounts[0].address);
  // The operator's own keys, for the proofs that they are had.
  const keys = [0, 1, 2, 3].map((n) => hexToBytes(`0x${readFileSync(join(data, "validator_keys", `${n}.key`), "utf8").trim()}`));
  const members = keys.map((key, n) => member(key, accounts[n].address));
  for (const chain of chains) {
    for (const origin of chains) if (origin !== chain) await link(chain, origin, members);
  }
  return { chains, accounts: accounts.map(({ address }) => address), stop };
}

/** By the node's own command line, as an operator would. */
async function mount(chain, governor) {
  const run = (...args) => promisify(execFile)(process.env.CALDERA_BIN, ["--json", "engine", ...args, "--rpc", chain.url]);
  const component = join(process.env.CALDERA_PLUGINS, "weave-v1.wasm");
  const { stdout } = await run("stage", component, "--grants", "state,evm,crypto,log,bls,mpt");
  const { digest } = JSON.parse(stdout.trim().split("\n")[0]);
  const types = "(address governor, uint64 unbondSeconds, uint16 rewardBps, (uint64,address,uint64)[] origins, uint64 epoch, (bytes,uint64,address,bytes)[] committee)";
  const config = { governor, unbondSeconds: 3_600n, rewardBps: 1_000, origins: [], epoch: 0n, committee: [] };
  await run("arm", "--mount", MOUNT, "--digest", digest, "--in", "6", "--config-hex", encodeAbiParameters(parseAbiParameters(types), [config]));
  chain.engine = MOUNT;
  await eventually("the engine is mounted", () => chain.read("governor").catch(() => null));
}

async function link(chain, origin, members) {
  const known = await chain.read("originOf", origin.id).catch(() => null);
  if (known?.committeeRoot && BigInt(known.committeeRoot) !== 0n) return;
  await chain.send("setOrigin", [origin.id, origin.engine, 1_000n]);
  await chain.send("setCommittee", [origin.id, 0n, members]);
}
