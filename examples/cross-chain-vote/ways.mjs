// The three ways to one decision. Each gives, for every voter, the milliseconds from the moment his last right was in a block to
// the moment his vote was counted everywhere, and checks what was counted.

import assert from "node:assert/strict";
import { encodeAbiParameters, keccak256, parseAbiParameters, toFunctionSelector, toHex } from "viem";
import { PROOFS_GAS, WEAVE, contract, link, named, sleep } from "./chains.mjs";

const FOR = 1;
const governorAbi = contract("PlainGovernor").abi;
const weaveGovernorAbi = contract("WeaveGovernor").abi;
const membershipAbi = contract("Membership").abi;

/** What a right on the n-th chain weighs: each another, so that a sum says what was counted. */
export const weight = (n) => 10n ** BigInt(n % 10);
export const total = (chains) => chains.reduce((sum, _, n) => sum + weight(n), 0n);

/** What a question asks to be done: nothing. */
const action = (by, question) => [[by.address], [0n], ["0x"], question];

/** The id of a question, known before anybody proposes it: as `Governor.hashProposal`. */
function idOf(by, question) {
  const [targets, values, calldatas, description] = action(by, question);
  const types = parseAbiParameters("address[], uint256[], bytes[], bytes32");
  return BigInt(keccak256(encodeAbiParameters(types, [targets, values, calldatas, keccak256(toHex(description))])));
}

/** One question to a Governor: gives its id, and the block that has it as `done`. */
function propose(chain, governor, by, question) {
  const done = chain.send(by, governor, governorAbi, "propose", action(by, question));
  return { id: idOf(by, question), done };
}

const vote = (chain, governor, by, proposal) => chain.send(by, governor, governorAbi, "castVote", [proposal, FOR]);

/** What was counted for a proposal must be this, and all of it in favour. */
async function counted(chain, governor, proposal, expected) {
  const votes = await chain.read(governor, governorAbi, "proposalVotes", proposal);
  assert.deepEqual(votes, [0n, expected, 0n], `votes counted on ${chain.name}: against, for, abstain`);
}

/** Grants every voter his right on each chain. Gives when each had his last. */
function grant(chains, registries, by, voters) {
  return Promise.all(voters.map(async (voter) => {
    const one = (chain, n) => chain.send(by, registries[n], membershipAbi, "grant", [voter.address, weight(n)]);
    await Promise.all(chains.map(one));
    return performance.now();
  }));
}

/**
 * (a) A Governor on each chain; who has rights on all of them votes on all of them, one wallet after another or all at once.
 * `early`: his vote may stand in the proposal's block, as in (c).
 */
export async function separately({ chains, people, local }, voters, question, { atOnce, early }) {
  const granted = await grant(chains, local.registries, people.community, voters);
  const governors = early ? local.early : local.governors;
  const proposals = chains.map((chain, n) => propose(chain, governors[n], people.community, question));
  await Promise.all(early ? chains.map((chain) => chain.handedOver()) : proposals.map(({ done }) => done));
  const one = (voter, n) => vote(chains[n], governors[n], voter, proposals[n].id);
  const latencies = await Promise.all(voters.map(async (voter, place) => {
    if (atOnce) await Promise.all(chains.map((_, n) => one(voter, n)));
    else for (let n = 0; n < chains.length; n++) await one(voter, n);
    return performance.now() - granted[place];
  }));
  await Promise.all(proposals.map(({ done }) => done));
  // The tally by hand: every chain is asked, and the sums are added up.
  const all = chains.map((chain, n) => counted(chain, governors[n], proposals[n].id, weight(n) * BigInt(voters.length)));
  await Promise.all(all);
  return { latencies, perVoter: chains.length, others: chains.length };
}

/** (b) A relayer, who is trusted, repeats on the first chain what the others granted, once it is final enough for him. */
export async function relayed({ chains, people, relay }, voters, question, finalityMs) {
  const [home] = chains;
  const granted = [];
  await Promise.all(voters.map(async (voter, place) => {
    await Promise.all(chains.map(async (chain, n) => {
      await chain.send(people.community, relay.sources[n], membershipAbi, "grant", [voter.address, weight(n)]);
      granted[place] = performance.now();
      // Simulated: these chains are final within a second, those that relayers watch are not.
      if (chain !== home) await sleep(finalityMs);
      await home.send(people.relayer, relay.registry, membershipAbi, "grant", [voter.address, weight(n)]);
    }));
  }));
  const { id, done } = propose(home, relay.governor, people.community, question);
  await home.handedOver();
  const latencies = await voteAtHome(voters, granted, (voter) => vote(home, relay.governor, voter, id));
  await done;
  await counted(home, relay.governor, id, total(chains) * BigInt(voters.length));
  return { latencies, perVoter: 1, others: 1 };
}

/**
 * (c) Proofs of the rights. The proposal brings the roots with their certificates; each voter's proofs and his vote come behind it,
 * in the same block: with the vote, under one signature, or from a courier who can only be late.
 */
export async function proven({ chains, people, weave }, voters, question, bySelf) {
  const [home, ...origins] = chains;
  const granted = [];
  const rights = await Promise.all(voters.map(async (voter, place) => {
    const one = (chain, n) => chain.issue(people.community, voter.address, weave.key, weight(n), home.id);
    const units = await Promise.all(chains.map(one));
    granted[place] = performance.now();
    return units;
  }));
  // One height of each chain for all voters: the snapshot.
  const roots = await Promise.all(origins.map(async (chain, n) => {
    const last = rights.reduce((most, units) => (units[n + 1].height > most ? units[n + 1].height : most), 0n);
    return { chain, ...(await chain.certified(last)) };
  }));
  const certificates = roots.map(({ certificate }) => certificate);
  const asked = [certificates, ...action(people.community, question)];
  const done = home.send(people.community, weave.governor, weaveGovernorAbi, "proposeAt", asked, PROOFS_GAS);
  const proposal = idOf(people.community, question);
  const proofs = await Promise.all(rights.map((units) => Promise.all(roots.map(async ({ chain, height }, n) => {
    const { unit, slot } = units[n + 1];
    return { unit, proof: await chain.proof(await slot, height), certificate: "0x" };
  }))));
  await home.handedOver();
  const carried = bySelf ? [] : proofs.flat().map(({ unit, proof }) => home.weave(people.courier, "accept", unit, proof, "0x"));
  await home.handedOver();
  const latencies = await voteAtHome(voters, granted, (voter, place) => {
    const brought = bySelf ? proofs[place] : [];
    const args = [proposal, FOR, total(chains), brought];
    return home.send(voter, weave.governor, weaveGovernorAbi, "castVoteByProof", args, PROOFS_GAS);
  });
  await Promise.all([done, ...carried]);
  await counted(home, weave.governor, proposal, total(chains) * BigInt(voters.length));
  return { latencies, perVoter: 1, others: 1 };
}

function voteAtHome(voters, granted, vote) {
  return Promise.all(voters.map(async (voter, place) => {
    await vote(voter, place);
    return performance.now() - granted[place];
  }));
}

/** A right that comes after the snapshot is a right, and does not vote; nor does anybody vote twice, or for less than he said. */
export async function refusals({ chains, people, weave }, [late, early], question) {
  const [home, origin] = chains;
  const arrive = async (owner) => {
    const right = await origin.issue(people.community, owner.address, weave.key, weight(1), home.id);
    const { height, certificate } = await origin.certified(right.height);
    await home.weave(people.courier, "accept", right.unit, await origin.proof(await right.slot, height), certificate);
  };
  await arrive(early);
  const { id, done } = propose(home, weave.governor, people.community, question);
  await done;
  await arrive(late);
  const atLeast = (voter, least) => home.send(voter, weave.governor, weaveGovernorAbi, "castVoteByProof", [id, FOR, least, []]);
  await assert.rejects(vote(home, weave.governor, late, id), refusedAs("NoWeight(address)"), "a right that came after the snapshot");
  await assert.rejects(atLeast(early, weight(1) + 1n), refusedAs("TooLight(uint256,uint256)"), "more than there is");
  await counted(home, weave.governor, id, 0n);
  await atLeast(early, weight(1));
  await counted(home, weave.governor, id, weight(1));
  await assert.rejects(vote(home, weave.governor, early, id), refusedAs("GovernorAlreadyCastVote(address)"), "voting twice");
  await counted(home, weave.governor, id, weight(1));
}

/** An error that carries the selector of a Solidity error: a refusal by its name. */
const refusedAs = (error) => ({ message }) => message.includes(toFunctionSelector(error).slice(2));

/** Deploys what the ways need on a node that has just started. */
export async function prepare(chains, people, committee) {
  const [home] = chains;
  const { community, relayer } = people;
  const [period, quorum, key] = [1_000_000n, 1n, named("member")];
  const registry = (chain, owner) => chain.deploy(community, "Membership", owner.address);
  const governor = (chain, members, early) => chain.deploy(community, "PlainGovernor", members, period, quorum, early);
  const local = { registries: [], governors: [], early: [] };
  const world = { chains, people, local, relay: { sources: [] }, weave: { key } };
  for (const chain of chains) {
    const members = await registry(chain, community);
    local.registries.push(members);
    local.governors.push(await governor(chain, members, false));
    local.early.push(await governor(chain, members, true));
    world.relay.sources.push(await registry(chain, community));
    await link(home, chain, community, committee, key);
  }
  world.relay.registry = await registry(home, relayer);
  world.relay.governor = await governor(home, world.relay.registry, true);
  const ids = chains.map(({ id }) => BigInt(id));
  world.weave.governor = await home.deploy(community, "WeaveGovernor", WEAVE, key, ids, period, quorum);
  return world;
}
