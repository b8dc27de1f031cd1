// State units as others read them: the pinned encodings, names and EIP-712 hashes, by viem and ethers.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { TypedDataEncoder } from "ethers";
import { concat, encodePacked, hashTypedData, keccak256, slice, toHex } from "viem";
import { engineSlot } from "./proof.mjs";

const text = readFileSync(new URL("../../../../plugins/weave/rules/tests/fixtures/units.txt", import.meta.url), "utf8");

/** The fields of a unit in the order of its encoding, with their Solidity types. */
const FIELDS = [
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

const KINDS = { asset: 1, permission: 2, behaviour: 3 };

/** The unit that the fixture is of. */
const unit = (name) => ({
  version: 1,
  kind: KINDS[name],
  origin: 4201n,
  issuer: `0x${"11".repeat(20)}`,
  owner: `0x${"22".repeat(20)}`,
  key: `0x${"33".repeat(32)}`,
  serial: name === "asset" ? 9n : 0n,
  destination: 4202n,
  value: 1000000n,
  issued: 77n,
  nonce: 5n,
  expiry: 1800000000n,
});

/** What the fixture says of a unit: a map from names to values. */
function pinned(name) {
  const block = text.slice(text.indexOf(`${name}\n`)).split("\n").slice(1, 7);
  return Object.fromEntries(block.map((line) => line.trim().split(" ")));
}

test("encoding, id, commitment and slot are what packed encoding and Keccak-256 give", () => {
  for (const name of Object.keys(KINDS)) {
    const [of, want] = [unit(name), pinned(name)];
    const packed = (names) => {
      const fields = names.map((field) => FIELDS.find(([known]) => known === field));
      return encodePacked(fields.map(([, type]) => type), fields.map(([field]) => of[field]));
    };
    const encoding = packed(FIELDS.map(([field]) => field));
    assert.equal(encoding, `0x${want.encoding}`);
    const id = keccak256(packed(["origin", "issuer", "kind", "owner", "key", "serial"]));
    assert.equal(id, want.id);
    assert.equal(slice(keccak256(encoding), 0, 31), `0x${want.commitment}`);
    assert.equal(engineSlot(concat([toHex(4, { size: 1 }), toHex("unit"), id])), want.slot);
  }
});

test("wallets show and sign a unit as typed data (EIP-712)", () => {
  const types = { StateUnit: FIELDS.map(([name, type]) => ({ name, type })) };
  for (const name of Object.keys(KINDS)) {
    const message = unit(name);
    const domain = { name: "Caldera State Unit", version: "1", chainId: message.origin, verifyingContract: message.issuer };
    const hash = hashTypedData({ domain, types, primaryType: "StateUnit", message });
    assert.equal(hash, pinned(name)["eip-712"]);
    assert.equal(TypedDataEncoder.hash(domain, types, message), hash);
  }
});
