//! The bytes of the block log: a file header, then records. Other append-only files use the same records.
//!
//! ```text
//! file:   "CALDBLKS"  version u32          12 bytes
//!         and, in version 2,  height of the first block u64  crc32(the 20 bytes before) u32
//! record: length u32  crc32(payload) u32  crc32(the 8 bytes before) u32  payload
//! ```
//! All numbers big-endian. Version 2 is the log of a chain that was begun from a snapshot: its first block is the snapshot's. The
//! record's head has a checksum of its own, so that a damaged length is not taken for a
//! record that runs past the end of the file, which is what a torn write looks like.

use caldera_types::limits;

/// First bytes of the file, with the format's version.
pub(crate) const FILE_HEADER: [u8; 12] = *b"CALDBLKS\0\0\0\x01";
/// The same of a log whose first block is not the genesis; [`base_header`] is all of it.
pub(crate) const BASE_FILE_HEADER: [u8; 12] = *b"CALDBLKS\0\0\0\x02";
/// What follows in that case.
pub(crate) const BASE_BYTES: usize = 12;

/// Header of a log whose first block has this height.
pub(crate) fn base_header(first: u64) -> [u8; FILE_HEADER.len() + BASE_BYTES] {
    let mut bytes = [0; FILE_HEADER.len() + BASE_BYTES];
    bytes[..12].copy_from_slice(&BASE_FILE_HEADER);
    bytes[12..20].copy_from_slice(&first.to_be_bytes());
    let own = crc32fast::hash(&bytes[..20]);
    bytes[20..].copy_from_slice(&own.to_be_bytes());
    bytes
}

/// Length of a record's head.
pub const HEAD_BYTES: usize = 12;
/// Longest payload. A block is bounded by its gas and its sidecar far below this.
pub(crate) const MAX_RECORD_BYTES: usize = 64 << 20;

// The longest block is one of zero bytes of calldata, at 10 gas each (EIP-7623), with all components that it may bring.
const _: () = assert!(
    (limits::MAX_BLOCK_GAS / 10) as usize + limits::MAX_SIDECAR_COMPONENTS * limits::MAX_COMPONENT_BYTES
        < MAX_RECORD_BYTES
);

/// What a record's head says of its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// Payload length.
    pub length: u32,
    /// Checksum of the payload.
    pub crc: u32,
}

impl FrameHead {
    /// The head for this payload, or none when it is over 64 MiB (`MAX_RECORD_BYTES`).
    pub fn of(payload: &[u8]) -> Option<Self> {
        let length = u32::try_from(payload.len()).ok().filter(|_| payload.len() <= MAX_RECORD_BYTES)?;
        Some(Self { length, crc: crc32fast::hash(payload) })
    }

    /// Its bytes.
    pub fn encode(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..4].copy_from_slice(&self.length.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.crc.to_be_bytes());
        let own = crc32fast::hash(&bytes[..8]);
        bytes[8..].copy_from_slice(&own.to_be_bytes());
        bytes
    }

    /// Reads a head, or none when its own checksum is wrong.
    pub fn decode(bytes: [u8; HEAD_BYTES]) -> Option<Self> {
        let [l0, l1, l2, l3, c0, c1, c2, c3, ..] = bytes;
        let head = Self { length: u32::from_be_bytes([l0, l1, l2, l3]), crc: u32::from_be_bytes([c0, c1, c2, c3]) };
        (head.encode() == bytes && head.length as usize <= MAX_RECORD_BYTES).then_some(head)
    }

    /// Whether this is the payload.
    pub fn fits(self, payload: &[u8]) -> bool {
        payload.len() == self.length as usize && crc32fast::hash(payload) == self.crc
    }
}
