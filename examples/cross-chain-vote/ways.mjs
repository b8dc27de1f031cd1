// The three ways to one decision. Each gives, for every voter, the milliseconds from the moment his last right was in a block to
// the moment his vote was counted everywhere, and checks what was counted.

import assert from "node:assert/strict";
import { parseEventLogs } from "viem";
import { WEAVE, contract, link, named, sleep } from "./chains.mjs";

const FOR = 1;
const governorAbi = contract("PlainGovernor").abi;
const membershipAbi = contract("Membership").abi;

/** What a right on the n-th chain weighs: each another, so that a sum says what was counted. */
export const weight = (n) => 10n ** BigInt(n % 10);
export const total = (chains) => chains.reduce((sum, _, n) => sum + weight(n), 0n);

/** One question to a Governor. */
async function propose(chain, governor, by, question) {
  const nothing = [[by.address], [0n], ["0x"], question];
  const { logs } = await chain.send(by, governor, governorAbi, "propose", nothing);
  return parseEventLogs({ abi: governorAbi, logs, eventName: "ProposalCreated" })[0].args.proposalId;
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

/** (a) A Governor on each chain; who has rights on all of them votes on all of them, one wallet after another or all at once. */
export async function separately({ chains, people, local }, voters, question, atOnce) {
  const granted = await grant(chains, local.registries, people.community, voters);
  const proposals = await Promise.all(chains.map((chain, n) => propose(chain, local.governors[n], people.community, question)));
  const one = (voter, n) => vote(chains[n], local.governors[n], voter, proposals[n]);
  const latencies = await Promise.all(voters.map(async (voter, place) => {
    if (atOnce) await Promise.all(chains.map((_, n) => one(voter, n)));
    else for (let n = 0; n < chains.length; n++) await one(voter, n);
    return performance.now() - granted[place];
  }));
  // The tally by hand: every chain is asked, and the sums are added up.
  const all = chains.map((chain, n) => counted(chain, local.governors[n], proposals[n], weight(n) * BigInt(voters.length)));
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
  const proposal = await propose(home, relay.governor, people.community, question);
  const latencies = await voteAtHome(home, relay.governor, voters, proposal, granted);
  await counted(home, relay.governor, proposal, total(chains) * BigInt(voters.length));
  return { latencies, perVoter: 1, others: 1 };
}

/** (c) Proofs of the rights, carried by a courier who can only be late, or by the voters themselves. */
export async function proven({ chains, people, weave }, voters, question, bySelf) {
  const [home] = chains;
  const granted = [];
  const rights = await Promise.all(voters.map(async (voter, place) => {
    const one = (chain, n) => chain.issue(people.community, voter.address, weave.key, weight(n), home.id);
    const units = await Promise.all(chains.map(one));
    granted[place] = performance.now();
    return units;
  }));
  await Promise.all(chains.map(async (chain, n) => {
    if (chain === home) return;
    // One height for all voters, so that the snapshot, which is the newest known height, is no later than any proof.
    const last = rights.reduce((most, units) => (units[n].height > most ? units[n].height : most), 0n);
    const { height, certificate } = await chain.certified(last);
    await Promise.all(voters.map(async (voter, place) => {
      const { unit, id } = rights[place][n];
      const proof = await chain.proof(id, height);
      await home.weave(bySelf ? voter : people.courier, "accept", unit, proof, certificate);
    }));
  }));
  const proposal = await propose(home, weave.governor, people.community, question);
  const latencies = await voteAtHome(home, weave.governor, voters, proposal, granted);
  await counted(home, weave.governor, proposal, total(chains) * BigInt(voters.length));
  return { latencies, perVoter: bySelf ? chains.length : 1, others: 1 };
}

function voteAtHome(home, governor, voters, proposal, granted) {
  return Promise.all(voters.map(async (voter, place) => {
    await vote(home, governor, voter, proposal);
    return performance.now() - granted[place];
  }));
}

/** A right that comes after the snapshot is a right, and does not vote; nor does anybody vote twice. */
export async function refusals({ chains, people, weave }, [late, early], question) {
  const [home, origin] = chains;
  const arrive = async (owner) => {
    const right = await origin.issue(people.community, owner.address, weave.key, weight(1), home.id);
    const { height, certificate } = await origin.certified(right.height);
    await home.weave(people.courier, "accept", right.unit, await origin.proof(right.id, height), certificate);
  };
  await arrive(early);
  const proposal = await propose(home, weave.governor, people.community, question);
  await arrive(late);
  await vote(home, weave.governor, late, proposal);
  await counted(home, weave.governor, proposal, 0n);
  await vote(home, weave.governor, early, proposal);
  await counted(home, weave.governor, proposal, weight(1));
  await assert.rejects(vote(home, weave.governor, early, proposal), "voting twice");
  await counted(home, weave.governor, proposal, weight(1));
}

/** Deploys what the ways need on a node that has just started. */
export async function prepare(chains, people, committee) {
  const [home] = chains;
  const { community, relayer } = people;
  const [period, quorum, key] = [1_000_000n, 1n, named("member")];
  const registry = (chain, owner) => chain.deploy(community, "Membership", owner.address);
  const governor = (chain, members) => chain.deploy(community, "PlainGovernor", members, period, quorum);
  const world = { chains, people, local: { registries: [], governors: [] }, relay: { sources: [] }, weave: { key } };
  for (const chain of chains) {
    const members = await registry(chain, community);
    world.local.registries.push(members);
    world.local.governors.push(await governor(chain, members));
    world.relay.sources.push(await registry(chain, community));
    await link(home, chain, community, committee, key);
  }
  world.relay.registry = await registry(home, relayer);
  world.relay.governor = await governor(home, world.relay.registry);
  const ids = chains.map(({ id }) => BigInt(id));
  world.weave.governor = await home.deploy(community, "WeaveGovernor", WEAVE, key, ids, period, quorum);
  return world;
}
