// Checks answers of eth_getProof (EIP-1186) with a trie that is not ours: @ethereumjs/trie.

import { RLP } from "@ethereumjs/rlp";
import { Trie } from "@ethereumjs/trie";
import { bytesToBigInt, bytesToHex, concat, hexToBytes, keccak256, pad, toHex } from "viem";

/** Where an engine keeps the entry of `key` (bytes): a Solidity `mapping(bytes => bytes)` in slot 0. */
export const engineSlot = (key) => keccak256(concat([key, pad("0x", { size: 32 })]));

/** An engine's value, from the words at its slots: `word(slot)` gives 32 bytes in hexadecimal. "0x" when there is none. */
export async function engineValue(key, word) {
  const slot = engineSlot(key);
  const head = BigInt(await word(slot));
  if ((head & 1n) === 0n) {
    const length = Number((head & 0xffn) >> 1n);
    return toHex(head, { size: 32 }).slice(0, 2 + 2 * length);
  }
  const length = Number((head - 1n) >> 1n);
  const first = BigInt(keccak256(slot));
  const slots = Array.from({ length: Math.ceil(length / 32) }, (_, i) => toHex((first + BigInt(i)) % 2n ** 256n, { size: 32 }));
  const words = await Promise.all(slots.map(word));
  return concat(words).slice(0, 2 + 2 * length);
}

/** The account that a proof shows under a state root, or null when it shows that there is none. Throws on a bad proof. */
export async function provenAccount(stateRoot, proof) {
  const leaf = await lookUp(stateRoot, proof.address, proof.accountProof);
  if (leaf === null) return null;
  const [nonce, balance, storageHash, codeHash] = RLP.decode(leaf);
  return { nonce: number(nonce), balance: number(balance), storageHash: bytesToHex(storageHash), codeHash: bytesToHex(codeHash) };
}

/** The word that a proof shows in a slot under a storage root; zero when it shows that there is none. */
export async function provenWord(storageRoot, slotProof) {
  const key = pad(slotProof.key, { size: 32 });
  const leaf = await lookUp(storageRoot, key, slotProof.proof);
  return leaf === null ? 0n : number(RLP.decode(leaf));
}

const number = (bytes) => (bytes.length === 0 ? 0n : bytesToBigInt(bytes));

/** What stands at a key of a trie with this root. Ethereum's tries hash their keys. */
async function lookUp(root, key, proof) {
  const trie = new Trie({ root: hexToBytes(root) });
  return trie.verifyProof(hexToBytes(root), hexToBytes(keccak256(key)), proof.map((node) => hexToBytes(node)));
}
