//! Where chain state lives: the store port with sled behind it, the block log, flat state, the trie and its proofs.
