//! Numbers of 256 bits as words, the lowest first.

/// Of 32 bytes, the highest first.
pub(crate) fn words(bytes: &[u8]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *word = bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    words
}

/// The bytes, the highest first.
pub(crate) fn bytes(words: [u64; 4]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.chunks_exact_mut(8).zip(words.iter().rev()) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}
