//! The tour's participants: keys from a printed seed, so that anybody can sign for them and every run is the same.

use alloy_primitives::{Address, B256, keccak256};
use alloy_signer_local::PrivateKeySigner;

use super::TourError;

/// How many there are.
pub const MEMBERS: usize = 200;
/// From which keys and obligations are derived.
pub const SEED: u64 = 20_200_312;

/// Who a member is in the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Trades with everybody, and a lot.
    Dealer,
    /// Keeps its margin in dollars.
    Dollars,
    /// Keeps its margin in bitcoin, and no more dollars than it expects to owe.
    Bitcoin,
}

/// One participant.
#[derive(Clone)]
pub struct Member {
    /// Signs for it.
    pub signer: PrivateKeySigner,
    /// Its place, from 0.
    pub index: usize,
}

impl Member {
    /// Its address.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// Who it is in the story.
    pub fn kind(&self) -> Kind {
        kind(self.index)
    }
}

/// Who member `index` is in the story: a tenth are dealers, an eighth keeps bitcoin.
pub fn kind(index: usize) -> Kind {
    match index {
        _ if index.is_multiple_of(10) => Kind::Dealer,
        _ if index % 8 == 5 => Kind::Bitcoin,
        _ => Kind::Dollars,
    }
}

/// `M017`.
pub fn name(index: usize) -> String {
    format!("M{index:03}")
}

/// All of them, in order. The key of member n is Keccak-256 of `caldera tour/<seed>/<n>`.
pub fn members() -> Result<Vec<Member>, TourError> {
    let member = |index| Ok(Member { signer: key(index)?, index });
    (0..MEMBERS).map(member).collect()
}

fn key(index: usize) -> Result<PrivateKeySigner, TourError> {
    let secret: B256 = keccak256(format!("caldera tour/{SEED}/{index}"));
    // Not all 32 bytes are a key; the odds against are 2^128 to one.
    PrivateKeySigner::from_bytes(&secret)
        .map_err(|error| TourError::Broken { what: format!("key of {}", name(index)), why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_seed_gives_these_members() {
        let members = members().unwrap();
        assert_eq!(members.iter().map(Member::address).collect::<BTreeSet<_>>().len(), MEMBERS);
        assert_eq!(members[0].address().to_string(), FIRST, "a change of keys changes every figure of the tour");
    }

    const FIRST: &str = "0x39708c9C666Ac286B8D8edc2A80Ec73aBCE8c37e";

    #[test]
    fn every_kind_is_there() {
        let count = |wanted| (0..MEMBERS).filter(|index| kind(*index) == wanted).count();
        assert_eq!((count(Kind::Dealer), count(Kind::Bitcoin)), (20, 25));
    }
}
