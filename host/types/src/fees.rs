//! How a chain's base fee moves from block to block (EIP-1559), and where its headers say so.

use alloy_consensus::Header;
use alloy_eips::eip1559::{BaseFeeParams, INITIAL_BASE_FEE};
use alloy_primitives::Bytes;

use crate::block::Block;

/// The two constants of EIP-1559. Ethereum's are made for blocks every 12 s: at 15 full blocks a second its base fee grows
/// tenfold every 1.3 s, until no offer covers it. So a chain has its own, from its genesis on.
///
/// They stand in the extra data of every header, where the child's base fee is computed from, in the encoding of the OP
/// Stack since Holocene: version 0, denominator and elasticity, big-endian, 1 + 4 + 4 bytes. Ethereum's are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeRule {
    /// Gas limit over gas target, at least 1. With 1 the base fee never rises.
    elasticity: u32,
    /// A full block moves the base fee up by (elasticity − 1) parts of so many, an empty one down by one part. At least 1.
    denominator: u32,
}

const VERSION: u8 = 0;
const LENGTH: usize = 9;

impl FeeRule {
    /// Ethereum's: 2 and 8.
    pub const ETHEREUM: Self = Self { elasticity: 2, denominator: 8 };

    /// A rule; none if one of its numbers is 0.
    pub const fn new(elasticity: u32, denominator: u32) -> Option<Self> {
        if elasticity == 0 || denominator == 0 { None } else { Some(Self { elasticity, denominator }) }
    }

    /// Gas limit over gas target.
    pub const fn elasticity(self) -> u32 {
        self.elasticity
    }

    /// By how small a part the base fee moves.
    pub const fn denominator(self) -> u32 {
        self.denominator
    }

    /// The rule by which the block after this one, of a chain of ours, gets its base fee.
    pub fn of(header: &Header) -> Self {
        let [VERSION, fields @ ..] = header.extra_data.as_ref() else { return Self::ETHEREUM };
        let Ok(fields) = <[u8; LENGTH - 1]>::try_from(fields) else { return Self::ETHEREUM };
        let fields = u64::from_be_bytes(fields);
        // Both halves fit: the cast takes the lower one.
        Self::new(fields as u32, (fields >> 32) as u32).unwrap_or(Self::ETHEREUM)
    }

    /// The same for a block of any chain: another client's is followed by Ethereum's rule, whatever its extra data says.
    pub fn after(block: &Block) -> Self {
        if block.ethereum.is_some() { Self::ETHEREUM } else { Self::of(&block.header) }
    }

    /// What the headers of a chain with this rule carry.
    pub fn extra_data(self) -> Bytes {
        if self == Self::ETHEREUM {
            return Bytes::new();
        }
        let Self { elasticity, denominator } = self;
        [&[VERSION][..], &denominator.to_be_bytes(), &elasticity.to_be_bytes()].concat().into()
    }

    /// The base fee of the block after this one, in wei per gas. At most 2⁶⁴ − 1.
    pub fn next_base_fee(self, parent: &Header) -> u64 {
        let rule = BaseFeeParams::new(self.denominator.into(), self.elasticity.into());
        parent.next_block_base_fee(rule).unwrap_or(INITIAL_BASE_FEE)
    }
}

impl Default for FeeRule {
    fn default() -> Self {
        Self::ETHEREUM
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(extra_data: &[u8], gas_used: u64) -> Header {
        let extra_data = Bytes::copy_from_slice(extra_data);
        Header { extra_data, gas_used, gas_limit: 60, base_fee_per_gas: Some(1_000), ..Default::default() }
    }

    #[test]
    fn the_encoding_is_that_of_holocene() {
        let rule = FeeRule::new(6, 250).unwrap();
        assert_eq!(rule.extra_data().as_ref(), [0, 0, 0, 0, 250, 0, 0, 0, 6]);
        assert_eq!(FeeRule::ETHEREUM.extra_data().as_ref(), [0u8; 0]);
    }

    #[test]
    fn what_says_nothing_means_ethereums() {
        let zero = [0; 9];
        for bytes in [&b""[..], b"\x00", b"another client", &[1, 0, 0, 0, 250, 0, 0, 0, 6], &zero, &[0; 10]] {
            assert_eq!(FeeRule::of(&header(bytes, 0)), FeeRule::ETHEREUM, "{bytes:?}");
        }
        assert_eq!((FeeRule::new(0, 8), FeeRule::new(2, 0)), (None, None));
    }

    #[test]
    fn the_base_fee_moves_by_the_rule() {
        let next = |rule: FeeRule, gas_used| rule.next_base_fee(&header(&[], gas_used));
        let slow = FeeRule::new(2, 100).unwrap();
        assert_eq!([0, 30, 60].map(|used| next(FeeRule::ETHEREUM, used)), [875, 1_000, 1_125]);
        assert_eq!([0, 30, 60].map(|used| next(slow, used)), [990, 1_000, 1_010]);
        let flat = FeeRule::new(1, 8).unwrap();
        assert_eq!([0, 30, 60].map(|used| next(flat, used)), [875, 938, 1_000]);
    }

    proptest! {
        #[test]
        fn a_rule_comes_back(elasticity in 1u32.., denominator in 1u32..) {
            let rule = FeeRule::new(elasticity, denominator).unwrap();
            prop_assert_eq!(FeeRule::of(&header(&rule.extra_data(), 0)), rule);
        }

        /// Nothing that a header may say ends in a panic.
        #[test]
        fn no_header_panics(extra in prop::collection::vec(any::<u8>(), 0..12), limit: u64, used: u64, fee: u64) {
            let header = Header { gas_limit: limit, gas_used: used.min(limit), base_fee_per_gas: Some(fee), ..header(&extra, 0) };
            FeeRule::of(&header).next_base_fee(&header);
        }
    }
}
