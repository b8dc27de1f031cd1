// Attacks on the weave engines of a live node: each is refused by name, in a call and in a block, and leaves nothing behind.
// Real are the chains, their committees' certificates and their proofs; the committees that lie, and the states they
// make up, are the test's own. At the end a table says what each attack met.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { concat, hexToBytes, keccak256, numberToHex, parseEther, size, slice, toHex } from "viem";
import { provenAccount, provenWord } from "./proof.mjs";
import {
  ASSET, Committee, PERMISSION, WEI, certified, eventually, madeUpState, member, rogueMember, startWeave, unitCommitment, unitId, unitSlot,
} from "./weave.mjs";

/** The chains: rights and assets come from the first, mostly. */
let a, b, c;
let accounts, stop;
const table = [];
const key = (name) => keccak256(toHex(name));
/** Accounts by what they do here; 0 governs. */
const [ALICE, BOB, PINNER, REPORTER, VALIDATOR] = [4, 5, 6, 7, 8];
/** A member's owner that has no part in it. */
const NOBODY = `0x${"99".repeat(20)}`;
/** The most that a transaction may take (EIP-7825). */
const TX_GAS = 16_777_216n;
/** What the made-up chains say their engine is. */
const ENGINE = `0x${"e1".repeat(20)}`;

/** Notes what an attack met, and that it is what it must be: the error's name. */
function met(attack, reason, error) {
  table.push([attack, reason]);
  assert.equal(reason.slice(0, reason.indexOf("(")), error, `${attack}: ${reason}`);
}

/** An attack by a call that must be refused. */
async function attack(name, error, chain, functionName, args, how) {
  met(name, await chain.refused(functionName, args, how), error);
}

/** A committee of four that this test holds, of a chain that there is not, believed by `chain`. */
async function impostor(chain, chainId, { owners = Array(4).fill(NOBODY), maxLag } = {}) {
  const committee = new Committee(chainId, owners);
  await chain.believe(committee, ENGINE, maxLag);
  return committee;
}

/** A unit that a made-up chain says it has. */
const madeUp = (committee, fields) => ({
  version: 1, kind: PERMISSION, origin: committee.chainId, issuer: ENGINE, owner: accounts[ALICE], serial: 0n, destination: b.id,
  value: 10n, issued: 1n, nonce: 1n, expiry: 0n, ...fields,
});

/** That, with the proof and the certificate that its committee makes for it. */
async function lie(committee, fields, height = 100n) {
  const unit = madeUp(committee, fields);
  const { stateRoot, proof } = await madeUpState(ENGINE, [unit], height);
  return [unit, proof, committee.certificate(committee.statement(height, { stateRoot }))];
}

/** The same bytes with one changed, from the end. */
function flipped(bytes, fromEnd = 1) {
  const changed = hexToBytes(bytes);
  changed[changed.length - fromEnd] ^= 0x01;
  return toHex(changed);
}

/** Whoever asks for weight: the snapshot of a proposal on a chain, at what is certified there of the first one. */
const pin = (chain, proposal) => chain.send("pinSnapshot", [proposal, [a.id]], { from: PINNER });
const votes = (chain, proposal, owner, right) => chain.read("votes", accounts[PINNER], proposal, accounts[owner], right);

/** Lets a chain know a root of another that is no older than now. */
async function certifiedThere(chain, origin) {
  await chain.send("submitRoots", [[(await origin.certificate(await origin.reader.getBlockNumber())).encoded]]);
}

describe("attacks on the weave", { concurrency: false }, () => {
  before(async () => {
    ({ accounts, stop, chains: [a, b, c] } = await startWeave("--block-interval-ms", "100"));
  });
  after(async () => {
    await stop?.();
    const width = (column) => Math.max(...table.map((row) => row[column].length));
    const lines = table.map((row) => `| ${row.map((cell, column) => cell.padEnd(width(column))).join(" | ")} |`);
    console.log(["attack → refused with", ...lines].join("\n"));
  });

  test("what is no attack holds for libraries of others too", async () => {
    const right = key("honest");
    /** The word at the unit's slot: @noble/curves for the certificate, @ethereumjs/trie from its root on. */
    const word = async (unit) => {
      const block = await a.reader.getBlock();
      const said = certified(await a.certificate(block.number));
      assert.deepEqual(said, { height: block.number, blockHash: block.hash, stateRoot: block.stateRoot });
      const proof = await a.rpc.send("eth_getProof", a.engine, [unitSlot(unit)], numberToHex(block.number));
      const { storageHash } = await provenAccount(said.stateRoot, proof);
      return numberToHex(await provenWord(storageHash, proof.storageProof[0]), { size: 32 });
    };
    const unit = await a.issue(accounts[ALICE], right, b.id);
    assert.equal(await word(unit), concat([unitCommitment(unit), toHex(62, { size: 1 })]));
    const renewed = await a.send("renew", [PERMISSION, unit.owner, right, 11n, b.id, 0n]);
    const other = a.event(renewed, "UnitIssued").unit;
    assert.equal(unitId(other), unitId(unit));
    assert.equal(await word(unit), concat([unitCommitment(other), toHex(62, { size: 1 })]));
    await a.send("revoke", [PERMISSION, unit.owner, right]);
    assert.equal(await word(unit), numberToHex(0, { size: 32 }), "there is none any more");
  });

  test("a right votes on one chain: not on both, not on a third", async () => {
    const [right, proposal] = [key("vote on both"), key("proposal 1")];
    for (const chain of [b, c]) await chain.mapRight(a.id, right);
    const unit = await a.issue(accounts[ALICE], right, b.id);
    await b.accept(a, unit);
    const args = [unit, ...(await a.prove(unit))];
    await attack("vote on both chains: accept on the second", "WrongChain", c, "accept", args, { from: ALICE });
    for (const chain of [b, c]) {
      await certifiedThere(chain, a);
      await pin(chain, proposal);
    }
    await b.accept(a, unit);
    assert.deepEqual(await Promise.all([b, c].map((chain) => votes(chain, proposal, ALICE, right))), [10n, 0n]);

    // One for everywhere counts as a permission on both, and votes on neither.
    const everywhere = await a.issue(accounts[BOB], right, 0n);
    for (const chain of [b, c]) {
      await chain.accept(a, everywhere);
      await certifiedThere(chain, a);
      await pin(chain, key("proposal 2"));
      await chain.accept(a, everywhere);
      assert.equal(await chain.read("permission", accounts[BOB], right), true);
      assert.equal(await votes(chain, key("proposal 2"), BOB, right), 0n);
    }
    table.push(["vote on both chains: by a right for everywhere", "counts 0 votes on either"]);
    // Nor does it help to say that it goes elsewhere.
    const sent = await a.prove(unit);
    await attack("vote on both chains: another destination", "NotCommitted", c, "accept", [{ ...unit, destination: c.id }, ...sent]);
  });

  test("a right that was given away does not vote twice", async () => {
    const [right, before, after] = [key("transfer then vote"), key("proposal 3"), key("proposal 4")];
    await b.mapRight(a.id, right);
    await a.send("setIssuer", [PERMISSION, right, accounts[0], true]);
    const old = await a.issue(accounts[ALICE], right, b.id);
    await b.accept(a, old);
    await certifiedThere(b, a);
    await pin(b, before);
    await b.accept(a, old);
    const earlier = [old, ...(await a.prove(old))];
    assert.equal(await votes(b, before, ALICE, right), 10n);

    const given = await a.send("transfer", [PERMISSION, right, accounts[BOB]], { from: ALICE });
    const { unit } = a.event(given, "UnitIssued");
    await b.accept(a, unit);
    await certifiedThere(b, a);
    await pin(b, after);
    await b.accept(a, unit);
    const counted = (proposal) => Promise.all([ALICE, BOB].map((owner) => votes(b, proposal, owner, right)));
    assert.deepEqual(await counted(before), [10n, 0n], "the new owner does not vote on what the old one voted on");
    assert.deepEqual(await counted(after), [0n, 10n], "the old owner has no vote any more");
    table.push(["transfer then vote: on the same proposal, on the next", "10 votes in all on either"]);

    // Ended by anyone, and proven again by nobody.
    const [proof, certificate] = await a.prove(old);
    await b.try("end", [a.id, PERMISSION, old.owner, right, proof, certificate]);
    assert.notEqual((await b.read("rightOf", a.id, PERMISSION, old.owner, right)).endedHeight, 0n);
    await attack("transfer then vote: the old proof again", "Replay", b, "accept", earlier, { from: ALICE });
    await attack("transfer then vote: the old right, a new proof", "Replay", b, "accept", [old, proof, certificate], { from: ALICE });
    assert.equal(await b.read("permission", old.owner, right), false);
  });

  test("what one chain took no third one takes", async () => {
    const right = key("replay");
    for (const chain of [b, c]) await chain.mapRight(a.id, right);
    const unit = await a.issue(accounts[ALICE], right, b.id);
    await b.accept(a, unit);
    const args = [unit, ...(await b.later(a, unit))];
    await b.send("accept", args);
    await attack("replay on the same chain", "Duplicate", b, "accept", args);
    await attack("replay on a third chain: a right", "WrongChain", c, "accept", args);
    const asset = await a.read("assetId", a.id, WEI);
    for (const chain of [b, c]) await chain.mapAsset(a.id, asset);
    const { unit: wei } = a.event(await a.send("lock", [WEI, 7n, b.id, accounts[ALICE]], { from: ALICE, value: 7n }), "UnitIssued");
    await attack("replay on a third chain: an asset", "WrongChain", c, "mint", [wei, ...(await a.prove(wei))]);
  });

  test("forged and truncated proofs prove nothing", async () => {
    const right = key("forged");
    await b.mapRight(a.id, right);
    const unit = await a.issue(accounts[ALICE], right, b.id);
    await b.accept(a, unit);
    const [proof, certificate] = await b.later(a, unit);
    const refused = (name, error, changed, of = unit) => attack(name, error, b, "accept", [of, { ...proof, ...changed }, certificate]);
    await refused("forged: more weight than the unit has", "NotCommitted", {}, { ...unit, value: 11n });
    await refused("forged: another owner", "BadStorageProof", {}, { ...unit, owner: accounts[BOB] });
    await refused("forged: issued later than proven", "FutureUnit", {}, { ...unit, issued: proof.height + 1n });
    await refused("forged: another engine's unit", "WrongIssuer", {}, { ...unit, issuer: ENGINE });
    for (const [part, error] of [["accountProof", "BadAccountProof"], ["storageProof", "BadStorageProof"]]) {
      const nodes = proof[part];
      await refused(`forged proof: a byte of ${part} changed`, error, { [part]: flipped(nodes) });
      await refused(`truncated proof: ${part} a byte shorter`, error, { [part]: slice(nodes, 0, size(nodes) - 1) });
      await refused(`truncated proof: ${part} cut to half`, error, { [part]: slice(nodes, 0, size(nodes) >> 1) });
      await refused(`truncated proof: no ${part}`, error, { [part]: "0x" });
      await refused(`longer proof: ${part} twice`, error, { [part]: concat([nodes, nodes]) });
    }
    await b.send("accept", [unit, proof, certificate]);
  });

  test("a root counts that is certified and no older than it may be", async () => {
    const [right, stale] = [key("root"), key("stale")];
    await b.mapRight(a.id, right);
    const unit = await a.issue(accounts[ALICE], right, b.id);
    await b.accept(a, unit);
    const [proof, certificate] = await eventually("a root that nobody brought", async () => {
      const proven = await b.later(a, unit);
      return (await b.read("rootOf", a.id, proven[0].height))[2] === 0n && proven;
    });
    await attack("uncertified root: no certificate", "UncertifiedRoot", b, "accept", [unit, proof, "0x"]);
    const other = flipped(certificate, size(certificate) - 79);
    await attack("uncertified root: another state in the certificate", "BadSignature", b, "accept", [unit, proof, other]);
    await attack("uncertified root: certificate cut", "MalformedCertificate", b, "accept", [unit, proof, slice(certificate, 0, 120)]);

    await b.mapRight(a.id, stale, { maxStaleness: 1n });
    const fresh = await a.issue(accounts[ALICE], stale, b.id);
    await b.accept(a, fresh);
    const [later, root] = await b.later(a, fresh);
    await b.send("submitRoots", [[root]]);
    const { timestamp: since } = await b.reader.getBlock();
    await eventually("three seconds", async () => (await b.reader.getBlock()).timestamp > since + 2n);
    await attack("stale root: certified longer ago than the rule allows", "StaleRoot", b, "accept", [fresh, later, "0x"]);

    const liars = await impostor(b, 9_901, { maxLag: 10n });
    await b.mapRight(9_901n, right);
    await b.send("submitRoots", [[liars.certificate(liars.statement(100n))]]);
    await attack("stale root: too many blocks behind the newest", "StaleRoot", b, "accept", await lie(liars, { key: right }, 89n));
    await b.send("accept", await lie(liars, { key: right }, 90n));
  });

  test("a certificate is a quorum's, of this message, in its domain", async () => {
    const right = key("certificate");
    const owners = accounts.slice(0, 4);
    const liars = await impostor(b, 9_902, { owners });
    await b.mapRight(9_902n, right);
    const unit = madeUp(liars, { key: right });
    const { stateRoot, proof } = await madeUpState(ENGINE, [unit], 100n);
    const statement = (more) => liars.statement(100n, { stateRoot, ...more });
    const refused = (name, error, certificate) => attack(name, error, b, "accept", [unit, proof, certificate]);
    const by = (how, what = statement()) => liars.certificate(what, how);
    await refused("wrong domain: signed as a handover", "BadSignature", by({ domain: "HANDOVER" }));
    await refused("wrong domain: signed as a possession", "BadSignature", by({ domain: "POSSESSION" }));
    await refused("under quorum: 2 of 4", "UnderQuorum", by({ places: [0, 1] }));
    await refused("under quorum: nobody", "UnderQuorum", by({ places: [], signed: [0] }));
    await refused("duplicate signer: one signature three times", "UnderQuorum", by({ places: [0], signed: [0, 0, 0] }));
    await refused("duplicate signer: one signs as three", "BadSignature", by({ signed: [0, 0, 0] }));
    await refused("signers named who did not sign", "BadSignature", by({ places: [0, 1, 2, 3], signed: [0, 1, 2] }));
    await refused("a signer past the end", "UnknownSigner", by({ places: [0, 1, 2, 4], signed: [0, 1, 2] }));
    await refused("another epoch", "WrongEpoch", by({}, statement({ epoch: 2n })));
    await refused("another committee", "WrongCommittee", by({}, statement({ root: key("others") })));
    await refused("a chain that nobody knows", "UnknownOrigin", by({}, statement({ chainId: 9_999n })));
    const { epoch, committeeRoot, latestHeight } = await b.read("originOf", a.id);
    const theirs = liars.statement(latestHeight + 1n, { stateRoot, chainId: a.id, epoch, root: committeeRoot });
    await refused("a real chain, another committee signs", "BadSignature", by({}, theirs));
    await refused("finality that there is not", "UnknownFinality", by({}, concat([slice(statement(), 0, 120), "0x01"])));
    await b.send("accept", [unit, proof, by({})]);
    assert.equal(await b.read("permission", unit.owner, right), true, "a quorum is believed");
  });

  test("no key counts twice, none without possession, none but the governor's", async () => {
    const honest = new Committee(9_903, Array(4).fill(NOBODY));
    await b.send("setOrigin", [honest.chainId, ENGINE, 100n]);
    const set = (name, error, members, how) => attack(name, error, b, "setCommittee", [honest.chainId, 1n, members], how);
    const { members } = honest;
    await set("duplicate signer: a key twice in a committee", "DuplicateSigner", [...members.slice(0, 3), members[0]]);
    const attacker = hexToBytes(key("attacker"));
    const rogue = rogueMember(members.slice(0, 3), attacker, NOBODY);
    await set("rogue key: cancels the others', no possession", "BadPossession", [...members.slice(0, 3), rogue]);
    const borrowed = { ...rogue, possession: members[0].possession };
    await set("rogue key: another's possession", "BadPossession", [...members.slice(0, 3), borrowed]);
    await set("a committee by somebody", "Unauthorized", [member(attacker, NOBODY)], { from: ALICE });
    await b.send("setCommittee", [honest.chainId, 1n, members]);
    await set("a committee of an old epoch", "EpochNotLater", members);
    // A handover is signed as one, by the old quorum.
    const { signature, bitmap } = { bitmap: "0x07", signature: slice(honest.certificate(honest.statement(1n)), 122) };
    const next = [honest.chainId, 2n, [member(attacker, NOBODY)], bitmap, signature];
    await attack("a handover that the old quorum did not sign", "BadSignature", b, "handover", next, { from: ALICE });
  });

  test("a committee of 125 proves its keys ahead, and its quorum is 84", async (t) => {
    const many = new Committee(9_910, Array(125).fill(NOBODY));
    await b.send("setOrigin", [many.chainId, ENGINE, 100n]);
    const most = { gas: TX_GAS };
    const whole = await b.try("setCommittee", [many.chainId, 1n, many.members], most);
    assert.equal(whole.status, "reverted", "125 proofs of possession do not fit into one transaction");
    let gas = 0n;
    for (let first = 0; first < 125; first += 48) {
      const proofs = many.members.slice(first, first + 48).map(({ key, possession }) => ({ key, possession }));
      gas += (await b.send("proveKeys", [proofs], { ...most, from: ALICE })).gasUsed;
    }
    const members = many.members.map((member) => ({ ...member, possession: "0x" }));
    const set = await b.send("setCommittee", [many.chainId, 1n, members], most);
    const by = (count) => many.certificate(many.statement(100n), { places: Array.from({ length: count }, (_, place) => place) });
    await attack("under quorum: 83 of 125", "UnderQuorum", b, "submitRoots", [[by(83)]], most);
    const roots = await b.send("submitRoots", [[by(84)]], most);
    assert.equal((await b.read("rootOf", many.chainId, 100n))[1], keccak256(numberToHex(100n, { size: 8 })));
    t.diagnostic(`gas for 125 members: keys ${gas}, committee ${set.gasUsed}, a root ${roots.gasUsed}`);
  });

  test("equivocation costs the bond, and nobody is framed", async () => {
    const owners = [NOBODY, NOBODY, accounts[VALIDATOR], accounts[ALICE]];
    const liars = await impostor(b, 9_904, { owners });
    const bond = parseEther("2");
    await b.send("bond", [], { from: VALIDATOR, value: bond });
    const [{ 0: before }, { 0: aside }] = await Promise.all([VALIDATOR, ALICE].map((of) => b.read("bondOf", accounts[of])));
    assert.ok(before >= bond);
    await b.send("bond", [], { from: ALICE, value: 1n });
    const [one, other] = [liars.statement(50n), liars.statement(50n, { blockHash: key("fork") })];
    const report = (name, error, evidence) => attack(name, error, b, "submitEvidence", [evidence], { from: REPORTER });
    await report("framed: the same statement twice", "NoContradiction", liars.equivocation(liars.vote(one, 2), liars.vote(one, 2)));
    await report("framed: two heights", "NoContradiction", liars.equivocation(liars.vote(one, 2), liars.vote(liars.statement(51n), 2)));
    await report("framed: another's signature", "BadSignature", liars.equivocation(liars.vote(one, 3), liars.vote(other, 3, liars.secrets[0])));
    await report("framed: votes of two members", "MalformedCertificate", liars.equivocation(liars.vote(one, 2), liars.vote(other, 3)));
    assert.deepEqual((await b.read("bondOf", accounts[ALICE]))[0], aside + 1n, "the honest one keeps its bond");

    const evidence = liars.equivocation(liars.vote(one, 2), liars.vote(other, 2));
    const address = accounts[REPORTER];
    const had = await b.reader.getBalance({ address });
    const receipt = await b.send("submitEvidence", [evidence], { from: REPORTER });
    const slashed = b.event(receipt, "Slashed");
    assert.deepEqual([slashed.owner, slashed.reporter, slashed.member, slashed.amount], [accounts[VALIDATOR], address, 2n, before]);
    assert.ok(slashed.reward > 0n && slashed.reward <= before);
    const has = await b.reader.getBalance({ address });
    assert.equal(has, had + slashed.reward - receipt.gasUsed * receipt.effectiveGasPrice, "the reporter has its share");
    assert.deepEqual(await b.read("bondOf", accounts[VALIDATOR]), [0n, 0n]);
    table.push(["equivocation: evidence", `Slashed ${before} wei, of which the reporter has ${slashed.reward}`]);
    await report("equivocation: reported again", "AlreadyPunished", evidence);
    await attack("equivocation: the bond taken out in time", "NoBond", b, "withdrawBond", [], { from: VALIDATOR });
  });

  test("no chain takes out more than was put into it", async () => {
    const [bank, liars] = [parseEther("100"), await impostor(a, 9_905)];
    const asset = await a.read("assetId", a.id, WEI);
    const recipient = `0x${"5e".repeat(20)}`;
    // Other people's, on their way to an honest chain.
    await a.send("lock", [WEI, bank, b.id, accounts[BOB]], { from: BOB, value: bank });
    const put = parseEther("5");
    await a.send("lock", [WEI, put, liars.chainId, accounts[ALICE]], { from: ALICE, value: put });
    const claim = (value, serial, height) => {
      const fields = { kind: ASSET, owner: recipient, key: asset, destination: a.id, value, serial };
      return lie(liars, fields, height);
    };
    await attack("unlock beyond locked: a lying committee takes it all", "BeyondLocked", a, "unlock", await claim(bank, 1n, 100n));
    await attack("unlock beyond locked: one wei more", "BeyondLocked", a, "unlock", await claim(put + 1n, 1n, 101n));
    await a.send("unlock", await claim(put, 2n, 102n));
    await attack("unlock beyond locked: once it is empty", "BeyondLocked", a, "unlock", await claim(1n, 3n, 103n));
    assert.equal(await a.reader.getBalance({ address: recipient }), put);
    assert.equal(await a.read("lockedFor", liars.chainId, asset), 0n);
    assert.ok((await a.read("lockedFor", b.id, asset)) >= bank, "the others' is there");

    // Nor in by another's name, nor over a cap.
    const foreign = await b.read("assetId", 9_906n, WEI);
    const home = await impostor(b, 9_906);
    await b.mapAsset(home.chainId, foreign, 100n);
    const coin = { kind: ASSET, key: foreign, value: 101n, serial: 1n };
    await attack("mint beyond the cap", "CapExceeded", b, "mint", await lie(home, coin));
    await attack("mint another chain's asset", "NoRule", b, "mint", await lie(home, { ...coin, key: asset }));
    await attack("mint for everywhere", "WrongChain", b, "mint", await lie(home, { ...coin, destination: 0n }));
    assert.equal(await b.read("mintedOf", foreign), 0n);
  });

  test("a crossing arrives once, on either side", async () => {
    const asset = await a.read("assetId", a.id, WEI);
    // A cap that is reached: whoever carries waits until the forger had his turn.
    await b.mapAsset(a.id, asset, 1n);
    const [amount, recipient] = [parseEther("3"), `0x${"7e".repeat(20)}`];
    const { unit } = a.event(await a.send("lock", [WEI, amount, b.id, accounts[ALICE]], { from: ALICE, value: amount }), "UnitIssued");
    const more = [{ ...unit, value: amount + 1n }, ...(await a.prove(unit))];
    await attack("mint beyond locked: more than the unit says", "NotCommitted", b, "mint", more);
    await attack("mint beyond the cap: as the unit says", "CapExceeded", b, "mint", [unit, ...(await a.prove(unit))]);
    await b.mapAsset(a.id, asset);
    const minted = await b.arrive("mint", a, unit);
    await attack("mint twice: the same proof", "AlreadyMinted", b, "mint", minted);
    await attack("mint twice: a later proof", "AlreadyMinted", b, "mint", [unit, ...(await a.prove(unit))]);
    await attack("burn more than there is", "InsufficientBalance", b, "burn", [asset, amount + parseEther("100"), recipient], { from: ALICE });
    const { unit: back } = b.event(await b.send("burn", [asset, amount, recipient], { from: ALICE }), "UnitIssued");
    const unlocked = await a.arrive("unlock", b, back);
    await attack("unlock twice: the same proof", "AlreadyUnlocked", a, "unlock", unlocked);
    await attack("unlock twice: a later proof", "AlreadyUnlocked", a, "unlock", [back, ...(await b.prove(back))]);
    assert.equal(await a.reader.getBalance({ address: recipient }), amount);
    assert.notEqual(unitId(unit), unitId(back));
  });

  test("a source that is reorganised is believed no longer", async () => {
    const right = key("reorganised");
    const liars = await impostor(b, 9_907);
    await b.mapRight(9_907n, right);
    await b.send("accept", await lie(liars, { key: right }, 100n));
    assert.equal(await b.read("permission", accounts[ALICE], right), true);
    const two = madeUp(liars, { key: right, owner: accounts[BOB] });
    const other = await madeUpState(ENGINE, [two], 100n);
    const fork = liars.certificate(liars.statement(100n, { stateRoot: other.stateRoot, blockHash: key("fork") }));
    await attack("reorganised source: a right of the other block", "ReorganisedSource", b, "accept", [two, other.proof, fork]);
    const receipt = await b.send("submitRoots", [[fork]], { from: REPORTER });
    assert.equal(b.event(receipt, "OriginFrozen").height, 100n);
    assert.equal((await b.read("originOf", 9_907n)).frozen, true);
    table.push(["reorganised source: both certificates shown", "OriginFrozen(9907, 100)"]);
    const next = await lie(liars, { key: right, owner: accounts[BOB] }, 101n);
    await attack("reorganised source: the next block", "OriginIsFrozen", b, "accept", next);
    assert.equal(await b.read("permission", accounts[ALICE], right), false, "nothing of it counts");
    await attack("reorganised source: thawed by somebody", "Unauthorized", b, "unfreeze", [9_907n], { from: REPORTER });
    await b.send("unfreeze", [9_907n]);
    assert.equal(await b.read("permission", accounts[ALICE], right), true);
  });
});
