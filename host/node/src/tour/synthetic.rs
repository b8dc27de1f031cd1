//! Synthetic obligations: a seeded market of a few dealers and many others, as clearing houses see it. Nothing in it is real,
//! and the tour says so.
//!
//! Amounts are log-uniform between 2,000 and 2,000,000 dollars, to the cent. The stream is ChaCha20's, so a seed gives the same
//! file on every machine and in every release.

use alloy_primitives::{Address, U256};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};

use super::members::{Kind, MEMBERS, SEED, kind};
use crate::obligations::Record;

/// One synthetic obligation among members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Who owes.
    pub debtor: usize,
    /// Whom.
    pub creditor: usize,
    /// How much, in cents.
    pub cents: u64,
}

/// A batch of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// What stands in its references.
    pub label: &'static str,
    /// How many.
    pub count: usize,
    /// Whether those who keep bitcoin owe more than they are owed.
    pub bitcoin_owes: bool,
}

/// For cycle 1, netted under version 1.
pub const FIRST: Batch = Batch { label: "C1", count: 10_000, bitcoin_owes: false };
/// For cycle 2, the crash.
pub const SECOND: Batch = Batch { label: "C2", count: 4_000, bitcoin_owes: true };
/// For cycle 3, before the swap: what version 2 has to migrate.
pub const THIRD: Batch = Batch { label: "C3", count: 3_000, bitcoin_owes: false };
/// For cycle 3, after the swap.
pub const FOURTH: Batch = Batch { label: "C4", count: 7_000, bitcoin_owes: false };

const LEAST_CENTS: f64 = 200_000.0;
/// Ratio of the largest to the smallest amount.
const SPREAD: f64 = 1_000.0;

/// A seeded stream.
pub struct Stream(ChaCha20Rng);

impl Stream {
    /// The stream of a name.
    pub fn new(name: &str) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&SEED.to_be_bytes());
        seed[8..].iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// A number below `bound`. The bias of the remainder is under 2^-32 here, and nobody draws lots with it.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }

    fn amount(&mut self) -> u64 {
        // 53 bits make a fraction exactly; `powf` may differ in its last place between machines, so cents are rounded to
        // ten, far above that.
        let fraction = (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        (LEAST_CENTS * SPREAD.powf(fraction) / 10.0).round() as u64 * 10
    }

    fn member(&mut self, weight: impl Fn(usize) -> u64) -> usize {
        let mut left = self.below((0..MEMBERS).map(&weight).sum());
        for index in 0..MEMBERS {
            match left.checked_sub(weight(index)) {
                Some(rest) => left = rest,
                None => return index,
            }
        }
        // `left` began below the sum of the weights.
        MEMBERS - 1
    }

    /// One obligation; `bitcoin_owes` as in [`Batch`].
    pub fn due(&mut self, bitcoin_owes: bool) -> Due {
        let weight = |index| match kind(index) {
            Kind::Dealer => 24,
            Kind::Dollars => 4,
            Kind::Bitcoin => 2,
        };
        let debtor_weight = |index| match kind(index) {
            Kind::Bitcoin if bitcoin_owes => 4,
            _ => weight(index),
        };
        let debtor = self.member(debtor_weight);
        let creditor = loop {
            let creditor = self.member(weight);
            if creditor != debtor {
                break creditor;
            }
        };
        Due { debtor, creditor, cents: self.amount() }
    }
}

/// The obligations of a batch.
pub fn generate(batch: &Batch) -> Vec<Due> {
    let mut stream = Stream::new(batch.label);
    (0..batch.count).map(|_| stream.due(batch.bitcoin_owes)).collect()
}

/// The lines of a batch's file.
pub fn records(batch: &Batch, dues: &[Due], addresses: &[Address], asset: Address, decimals: u8) -> Vec<Record> {
    let record = |(number, due): (usize, &Due)| Record {
        debtor: addresses[due.debtor],
        creditor: addresses[due.creditor],
        asset: asset.to_string(),
        amount: units(due.cents, decimals).to_string(),
        due: None,
        reference: format!("SYNTHETIC-{}-{number:05}", batch.label),
    };
    dues.iter().enumerate().map(record).collect()
}

/// Cents in units of a token with `decimals` decimals, two at least.
pub fn units(cents: u64, decimals: u8) -> U256 {
    U256::from(cents) * U256::from(10).pow(U256::from(decimals.saturating_sub(2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    /// A change here changes every figure of the tour: let it be a deliberate one.
    #[test]
    fn the_seed_gives_this_file() {
        let dues = generate(&FIRST);
        let text: String = dues.iter().map(|due| format!("{} {} {}\n", due.debtor, due.creditor, due.cents)).collect();
        assert_eq!(keccak256(&text).to_string(), FINGERPRINT);
        assert_eq!(generate(&FIRST), dues);
    }

    const FINGERPRINT: &str = "0x594786d61c20139887efb4eb0379e091ae5a954861f848132d81537f4b6ae242";

    #[test]
    fn the_market_is_as_described() {
        for batch in [FIRST, SECOND, THIRD, FOURTH] {
            let dues = generate(&batch);
            assert_eq!(dues.len(), batch.count);
            assert!(dues.iter().all(|due| due.debtor != due.creditor && due.creditor < MEMBERS));
            assert!(dues.iter().all(|due| (200_000..=200_000_000).contains(&due.cents)));
        }
        let dues = generate(&SECOND);
        let sides = |kind_of: fn(&Due) -> usize| dues.iter().filter(|due| kind(kind_of(due)) == Kind::Bitcoin).count();
        assert!(sides(|due| due.debtor) > sides(|due| due.creditor) * 3 / 2, "they owe more than they are owed");
    }
}
