// One community decision over many chains, three ways, on one live node: `node run.mjs --chains 2,5,10`. See README.md.

import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { account, start } from "./chains.mjs";
import { prepare, proven, refusals, relayed, separately } from "./ways.mjs";

const { values } = parseArgs({
  options: {
    chains: { type: "string", default: "1,2,5,10" },
    voters: { type: "string", default: "3" },
    rounds: { type: "string", default: "5" },
    // What a relayer waits for on a source, in seconds: nothing; a second; the about 10 s that Caldera's Metalayer states for its soft
    // finality; a minute.
    finality: { type: "string", default: "0,1,10,60" },
    // What one signature costs a person, in seconds: added to what was measured in one column, never waited.
    hand: { type: "string", default: "5" },
  },
});
const numbers = (text) => text.split(",").map((number) => {
  const value = Number(number);
  assert.ok(number !== "" && value >= 0, `not a number: ${number}`);
  return value;
});
const [voters, rounds, hand] = [values.voters, values.rounds, values.hand].map((text) => numbers(text)[0]);

/** Longer waits run once: they do not vary. */
const LONG_WAIT_S = 5;
const FIRST_VOTER = 6;

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
const sums = (chains) => chains.reduce(([count, gas], chain) => [count + chain.transactions, gas + chain.gas], [0, 0n]);

/** Runs one way so often and sums up what came of it. */
async function measure(world, name, times, fresh, way) {
  const latencies = [];
  const [countBefore, gasBefore] = sums(world.chains);
  let people;
  for (let round = 0; round < times; round++) {
    people = await way(fresh(), `${name}, round ${round}`);
    process.stderr.write(`${world.chains.length} chains: ${name}: ${people.latencies.map(Math.round).join(" ")} ms\n`);
    latencies.push(...people.latencies);
  }
  const [count, gas] = sums(world.chains);
  latencies.sort((one, other) => one - other);
  const { perVoter, others } = people;
  return {
    name, perVoter, actions: perVoter * voters + others,
    median: quantile(latencies, 0.5), worst: latencies.at(-1),
    transactions: (count - countBefore) / times, gas: Number(gas - gasBefore) / times,
  };
}

async function compare(count) {
  const finalities = count === 1 ? [] : numbers(values.finality);
  const needed = FIRST_VOTER + voters * rounds * (6 + finalities.length) + 2;
  const accounts = Array.from({ length: needed }, (_, index) => account(index));
  const people = { community: accounts[0], relayer: accounts[4], courier: accounts[5] };
  let next = FIRST_VOTER;
  const fresh = (many = voters) => accounts.slice(next, (next += many));
  const { chains, committee, stop } = await start(count, accounts);
  try {
    const world = await prepare(chains, people, committee);
    const rows = [];
    const row = async (name, times, way) => rows.push(await measure(world, name, times, fresh, way));
    const each = (name, how) => row(`(a) on each chain, ${name}`, rounds, (who, what) => separately(world, who, what, how));
    await each("one after another", { atOnce: false, early: false });
    await each("all at once", { atOnce: true, early: false });
    await each("early, one after another", { atOnce: false, early: true });
    await each("early, all at once", { atOnce: true, early: true });
    for (const seconds of finalities) {
      const times = seconds >= LONG_WAIT_S ? 1 : rounds;
      await row(`(b) relay, waits ${seconds} s (simulated)`, times, (who, what) => relayed(world, who, what, seconds * 1_000));
    }
    await row("(c) proof, a courier carries", rounds, (who, what) => proven(world, who, what, false));
    await row("(c) proof, each in his vote", rounds, (who, what) => proven(world, who, what, true));
    if (count > 1) await refusals(world, fresh(2), "refusals");
    return rows;
  } finally {
    await stop();
  }
}

function print(count, rows) {
  const carried = rows.find(({ name }) => name.startsWith("(c) proof, a courier"));
  const byHand = ({ median, perVoter }) => median + perVoter * hand * 1_000;
  const ms = (value) => `${Math.round(value)}`;
  const times = (value) => `${value.toFixed(2)} x`;
  const head = [
    "way", "median ms", "worst ms", "of (c)", `+ ${hand} s a signature`, "of (c)", "signatures: voter", "all", "transactions", "gas",
  ];
  const cells = rows.map((row) => [
    row.name, ms(row.median), ms(row.worst), times(row.median / carried.median), ms(byHand(row)), times(byHand(row) / byHand(carried)),
    `${row.perVoter}`, `${row.actions}`, `${Math.round(row.transactions)}`, `${Math.round(row.gas)}`,
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]) : cell.padStart(widths[n]))).join(" | ")} |`;
  console.log(`\n${count} chain${count === 1 ? "" : "s"}, ${voters} voters with a right on each, ${rounds} rounds, blocks of 250 ms\n`);
  console.log(line(head));
  console.log(`|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`);
  for (const row of cells) console.log(line(row));
  const faster = rows.filter((row) => row !== carried && row.median < carried.median).map(({ name }) => name);
  console.log(`\nfaster than (c) with a courier: ${faster.length > 0 ? faster.join("; ") : "none"}`);
}

for (const count of numbers(values.chains)) print(count, await compare(count));
console.log(`
"median" and "worst": from a voter's last right in a block to his vote counted, measured. "+ ${hand} s a signature": the same and a
modelled ${hand} s for each signature of the voter; nothing waited for it. The relay's wait is simulated: a pause on a source that is final
sooner. Transactions and gas: one decision, grants included. Every count was checked: against, for and abstain of every Governor.`);
