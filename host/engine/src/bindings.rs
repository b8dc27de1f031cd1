//! Types generated from the WIT worlds, the larger of which includes the other.
//!
//! Only the types are used: host functions are wrapped by hand in [`crate::imports`] so that lists are checked where
//! they lie in the guest's memory, before anything is copied. Words and numbers are records of integers and become
//! this host's own types here.

use alloy_primitives::{Address, B256, U256};
use caldera::engine::types as wit;

wasmtime::component::bindgen!({
    path: ["../../wit/caldera-engine@0.1.0", "../../wit/caldera-verify@0.1.0"],
    world: "caldera:verify/verifier",
    ownership: Borrowing { duplicate_if_necessary: true },
});

// The words of the contract in this host's own. Fields hold bytes in their order in memory, the first least significant.

impl From<Address> for wit::Address {
    fn from(address: Address) -> Self {
        let mut padded = [0; 24];
        padded[..20].copy_from_slice(address.as_slice());
        let [b0, b8, b16] = fields(&padded);
        // The padding above the low half is zero.
        Self { b0, b8, b16: b16 as u32 }
    }
}

impl From<wit::Address> for Address {
    fn from(address: wit::Address) -> Self {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&address.b0.to_le_bytes());
        bytes[8..16].copy_from_slice(&address.b8.to_le_bytes());
        bytes[16..].copy_from_slice(&address.b16.to_le_bytes());
        Self::new(bytes)
    }
}

impl From<B256> for wit::Word {
    fn from(word: B256) -> Self {
        let [b0, b8, b16, b24] = fields(&word.0);
        Self { b0, b8, b16, b24 }
    }
}

impl From<wit::Word> for B256 {
    fn from(word: wit::Word) -> Self {
        let mut bytes = [0; 32];
        for (bytes, field) in bytes.chunks_exact_mut(8).zip([word.b0, word.b8, word.b16, word.b24]) {
            bytes.copy_from_slice(&field.to_le_bytes());
        }
        Self::new(bytes)
    }
}

impl From<U256> for wit::Uint256 {
    fn from(number: U256) -> Self {
        let [l0, l1, l2, l3] = number.into_limbs();
        Self { l0, l1, l2, l3 }
    }
}

impl From<wit::Uint256> for U256 {
    fn from(number: wit::Uint256) -> Self {
        Self::from_limbs([number.l0, number.l1, number.l2, number.l3])
    }
}

fn fields<const N: usize>(bytes: &[u8]) -> [u64; N] {
    let (chunks, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|index| u64::from_le_bytes(chunks[index]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_come_back_and_lie_as_they_are_written(address: [u8; 20], word: [u8; 32]) {
            let (address, word) = (Address::new(address), B256::new(word));
            prop_assert_eq!(Address::from(wit::Address::from(address)), address);
            prop_assert_eq!(B256::from(wit::Word::from(word)), word);
            let number = U256::from_be_bytes(word.0);
            let back: U256 = wit::Uint256::from(number).into();
            prop_assert_eq!(back, number);
            prop_assert_eq!(&wit::Address::from(address).b0.to_le_bytes()[..], &address[..8]);
            prop_assert_eq!(&wit::Word::from(word).b24.to_le_bytes()[..], &word[24..]);
        }
    }
}
