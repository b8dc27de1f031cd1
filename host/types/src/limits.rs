//! Every limit that consensus depends on, with its unit last and the relations between them asserted.

/// Longest key in an engine's own storage, in bytes.
pub const MAX_KEY_BYTES: usize = 256;
/// Longest value in an engine's own storage, in bytes; a mount may set less.
pub const MAX_VALUE_BYTES: usize = 24 * 1024;
/// Largest component that can be staged, uncompressed, in bytes.
pub const MAX_COMPONENT_BYTES: usize = 2 * 1024 * 1024;
/// Most components that one block's sidecar carries.
pub const MAX_SIDECAR_COMPONENTS: usize = 4;
/// Longest configuration of a mount, in bytes.
pub const MAX_CONFIG_BYTES: usize = 4 * 1024;
/// Longest cursor that a step of a migration leaves for the next, in bytes.
pub const MAX_CURSOR_BYTES: usize = 1024;
/// Most engines mounted on one chain.
pub const MAX_MOUNTS: usize = 32;
/// Most topics of a log (EVM LOG4).
pub const MAX_LOG_TOPICS: usize = 4;
/// Longest data of one log that an engine emits, in bytes.
pub const MAX_LOG_DATA_BYTES: usize = 64 * 1024;
/// Longest return or revert data of an engine, in bytes.
pub const MAX_OUTPUT_BYTES: usize = 1024 * 1024;
/// Longest diagnostic message kept, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 1024;
/// How deep calls may nest engine → EVM → engine. Each level holds a wasm stack and a native one.
pub const MAX_SUBCALL_DEPTH: u8 = 8;
/// Linear memory of one engine instance, in 64 KiB pages; a mount may set less.
pub const MAX_MEMORY_PAGES: u32 = 512;

/// Most validators of one committee: what a certificate says of who signed fits into 16 bytes.
pub const MAX_COMMITTEE_MEMBERS: usize = 128;
/// Largest encoded witness of a block, in bytes: about 500,000 trie nodes, of some 140,000 cold slots in a block of
/// [`MAX_BLOCK_GAS`] or a fifth of both in one of [`BLOCK_GAS`].
pub const MAX_WITNESS_BYTES: usize = 320 * 1024 * 1024;
/// Most headers in a witness: as far back as BLOCKHASH sees.
pub const MAX_WITNESS_HEADERS: usize = 256;

/// Highest gas limit of a block: a chain that is made for many transactions may be configured for it.
pub const MAX_BLOCK_GAS: u64 = 300_000_000;
/// Gas limit of a block of a chain whose configuration does not say another: Ethereum's.
pub const BLOCK_GAS: u64 = 60_000_000;
/// Gas limit of one transaction (EIP-7825).
pub const TX_GAS: u64 = 1 << 24;
/// Bytes of init code of a creation, at most (EIP-3860).
pub const INIT_CODE_BYTES: usize = 49_152;
/// Gas that one mount's `begin-block` or `end-block` may use.
pub const HOOK_GAS: u64 = 8_000_000;
/// Gas that one activation (`init` or `migrate`) may use.
pub const ACTIVATION_GAS: u64 = 30_000_000;
/// Steps, one a block, that one migration may take.
pub const MAX_MIGRATION_STEPS: u32 = 10_000;
/// Longest probation, in blocks.
pub const MAX_PROBATION_BLOCKS: u64 = 10_000_000;
/// Gas that `describe` may use when a component is staged.
pub const DESCRIBE_GAS: u64 = 1_000_000;
/// Gas for staging, whatever the component's size.
pub const STAGE_BASE_GAS: u64 = 1_000_000;
/// Gas for each byte of a staged component: it is stored, checked and compiled by every node.
pub const STAGE_GAS_PER_BYTE: u64 = 7;

const _: () = {
    assert!(STAGE_BASE_GAS + STAGE_GAS_PER_BYTE * (MAX_COMPONENT_BYTES as u64) < TX_GAS - 500_000);
    assert!(ACTIVATION_GAS + 2 * HOOK_GAS < BLOCK_GAS, "activation and hooks leave room for transactions");
    assert!(TX_GAS < BLOCK_GAS && BLOCK_GAS <= MAX_BLOCK_GAS);
    assert!(MAX_VALUE_BYTES < MAX_OUTPUT_BYTES);
};
