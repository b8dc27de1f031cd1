//! The bytes of the block log: a file header, then records. Other append-only files use the same records.
//!
//! ```text
//! file:   "CALDBLKS"  version u32          12 bytes
//! record: length u32  crc32(payload) u32  crc32(the 8 bytes before) u32  payload
//! ```
//! All numbers big-endian. The record's head has a checksum of its own, so that a damaged length is not taken for a
//! record that runs past the end of the file, which is what a torn write looks like.

/// First bytes of the file, with the format's version.
pub(crate) const FILE_HEADER: [u8; 12] = *b"CALDBLKS\0\0\0\x01";
/// Length of a record's head.
pub const HEAD_BYTES: usize = 12;
/// Longest payload. A block is bounded by its gas and its sidecar far below this.
pub(crate) const MAX_RECORD_BYTES: usize = 64 << 20;

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
