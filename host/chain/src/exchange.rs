//! The file in which Ethereum's clients exchange blocks: one RLP list after another, as `geth export` writes it.

use std::io::{self, BufRead, Read as _};

use alloy_consensus::TxEnvelope;
use alloy_rlp::Decodable;
use caldera_types::{Block, SealedBlock};

/// Longest block that is read, in bytes: well over what any client makes.
const MAX_BLOCK_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of a list's head at most.
const HEAD_BYTES: usize = 9;

/// Why a file of blocks cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum BlockFileError {
    /// The system does not give it.
    #[error("reading at byte {offset}: {source}")]
    Io {
        /// Where.
        offset: u64,
        /// Why not.
        source: io::Error,
    },
    /// It ends within a block.
    #[error("the file ends within the block that begins at byte {offset} ({after}): it is truncated")]
    Truncated {
        /// Where that block begins.
        offset: u64,
        /// What came before it.
        after: After,
    },
    /// It is packed.
    #[error("the file is packed by gzip: unpack it first")]
    Packed,
    /// What stands there is no block.
    #[error("byte {offset} begins no block ({after}): {why}")]
    NotABlock {
        /// Where.
        offset: u64,
        /// What came before it.
        after: After,
        /// What is wrong.
        why: String,
    },
}

/// The block before a place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After(Option<u64>);

impl std::fmt::Display for After {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(number) => write!(f, "after block {number}"),
            None => f.write_str("the first"),
        }
    }
}

/// The blocks of a file, in its order. The first error is the end.
#[derive(Debug)]
pub struct BlockFile<R> {
    file: R,
    offset: u64,
    after: After,
    failed: bool,
}

impl<R: BufRead> BlockFile<R> {
    /// Reads from the beginning.
    pub fn new(file: R) -> Self {
        Self { file, offset: 0, after: After(None), failed: false }
    }

    fn read(&mut self) -> Result<Option<SealedBlock>, BlockFileError> {
        let (offset, after) = (self.offset, self.after);
        let mut bytes = Vec::with_capacity(HEAD_BYTES);
        let not_a_block = |why: String| BlockFileError::NotABlock { offset, after, why };
        self.append(&mut bytes, 1)?;
        let head = match bytes.first().copied() {
            None => return Ok(None),
            Some(0x1f) => return Err(BlockFileError::Packed),
            Some(0xc0..=0xf7) => 1,
            Some(first @ 0xf8..) => 1 + usize::from(first - 0xf7),
            Some(first) => return Err(not_a_block(format!("an RLP list begins with 0xc0 or more, not {first:#04x}"))),
        };
        let truncated = || BlockFileError::Truncated { offset, after };
        self.append(&mut bytes, head - 1)?;
        if bytes.len() < head {
            return Err(truncated());
        }
        let length = match (bytes[0], &bytes[1..]) {
            (short, []) => usize::from(short - 0xc0),
            (_, long) => {
                long.iter().fold(0usize, |length, byte| length.saturating_mul(256).saturating_add((*byte).into()))
            }
        };
        if length > MAX_BLOCK_BYTES {
            return Err(not_a_block(format!("{length} bytes are more than a block may have ({MAX_BLOCK_BYTES})")));
        }
        self.append(&mut bytes, length)?;
        if bytes.len() < head + length {
            return Err(truncated());
        }
        let mut rest = bytes.as_slice();
        let block = alloy_consensus::Block::<TxEnvelope>::decode(&mut rest);
        let block = block.map_err(|error| not_a_block(error.to_string()))?;
        if !rest.is_empty() {
            return Err(not_a_block(format!("{} bytes follow its last field", rest.len())));
        }
        self.offset += bytes.len() as u64;
        self.after = After(Some(block.header.number));
        Ok(Some(Block::of_ethereum(block).seal()))
    }

    /// Reads up to `count` bytes more; fewer only at the end.
    fn append(&mut self, bytes: &mut Vec<u8>, count: usize) -> Result<(), BlockFileError> {
        let offset = self.offset;
        let io = |source| BlockFileError::Io { offset, source };
        io::Read::take(&mut self.file, count as u64).read_to_end(bytes).map(drop).map_err(io)
    }
}

impl<R: BufRead> Iterator for BlockFile<R> {
    type Item = Result<SealedBlock, BlockFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let block = self.read().transpose();
        self.failed = matches!(block, Some(Err(_)));
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(blocks: u64) -> Vec<u8> {
        let block = |number| {
            let header = alloy_consensus::Header { number, ..Default::default() };
            alloy_rlp::encode(alloy_consensus::Block::<TxEnvelope> { header, body: Default::default() })
        };
        (0..blocks).flat_map(block).collect()
    }

    fn check(bytes: &[u8], blocks: usize, error: Option<&str>) {
        let (read, failed): (Vec<_>, Vec<_>) = BlockFile::new(bytes).partition(Result::is_ok);
        assert_eq!(read.len(), blocks);
        let said = failed.into_iter().next().map(|error| error.unwrap_err().to_string());
        assert_eq!(said.as_deref(), error);
    }

    #[test]
    fn a_file_is_read_to_its_end_or_to_what_is_wrong() {
        let whole = file(3);
        let third = whole.len() / 3;
        check(&whole, 3, None);
        check(&[], 0, None);
        let said = format!(
            "the file ends within the block that begins at byte {} (after block 1): it is truncated",
            2 * third
        );
        check(&whole[..whole.len() - 1], 2, Some(&said));
        check(&whole[..2 * third + 1], 2, Some(&said));
        check(&[0x1f, 0x8b], 0, Some("the file is packed by gzip: unpack it first"));
        check(&[0x05], 0, Some("byte 0 begins no block (the first): an RLP list begins with 0xc0 or more, not 0x05"));
        check(&[0xc0], 0, Some("byte 0 begins no block (the first): input too short"));
    }
}
