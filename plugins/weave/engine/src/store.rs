//! What the engine keeps.

use caldera_sdk::prelude::*;
use weave_rules::{MAX_SOURCES, abi::Weave as abi, unit::COMMITMENT_BYTES};

storage! {
    /// The engine's storage.
    pub struct Store {
        pub governor: Value<Address>,
        pub terms: Value<Terms>,
        pub counters: Value<Counters>,

        /// Commitments by unit id, where other chains look for them: see `weave_rules::place`.
        pub commitments as "unit": Map<B256, [u8; COMMITMENT_BYTES]>,
        /// Whole units by their id.
        pub encodings as "full": Map<B256, Vec<u8>>,
        /// Who issues a kind and key.
        pub issuers: Map<(u8, B256), Issuer>,

        pub origins: Map<u64, Origin>,
        /// Encodings by chain and epoch.
        pub committees: Map<(u64, u64), Vec<u8>>,
        /// Keys whose possession was proven, by their hash.
        pub proven: Map<B256, bool>,
        /// Certified roots by chain and height.
        pub roots: Map<(u64, u64), Root>,
        pub rules: Map<(u64, u8, B256), Rule>,
        /// Where a local right may come from, by kind and local key.
        pub sources: Map<(u8, B256), Vec<u8>>,
        /// Proven rights by origin, kind, owner and key there.
        pub rights: Map<(u64, u8, Address, B256), Right>,

        /// Tokens that were locked here, by asset. Wei has none.
        pub tokens: Map<B256, Address>,
        pub locked: Map<(u64, B256), U256>,
        /// Home chain of an asset that is foreign here.
        pub homes: Map<B256, u64>,
        pub minted: Map<B256, U256>,
        pub balances: Map<(Address, B256), U256>,
        /// Messages about assets that took effect.
        pub consumed: Map<B256, bool>,

        pub snapshots: Map<(Address, B256), Snapshot>,
        pub bonds: Map<Address, Bond>,
        /// Offences that were punished, by chain, height, epoch and place.
        pub punished: Map<(u64, u64, u64, u16), bool>,
    }
}

stored_struct! {
    /// From the configuration.
    #[derive(Clone, Copy, Debug)]
    pub struct Terms { pub unbond_seconds: u64, pub reward_bps: u16 }
}

stored_struct! {
    /// The last nonce and the last serial that were given.
    #[derive(Clone, Copy, Debug)]
    pub struct Counters { pub nonce: u64, pub serial: u64 }
}

stored_struct! {
    /// Who issues a right; zero: the governor.
    #[derive(Clone, Copy, Debug)]
    pub struct Issuer { pub account: Address, pub transferable: bool }
}

stored_struct! {
    /// A chain that is believed. `epoch` is that of the committee, `committee` its root.
    #[derive(Clone, Copy, Debug)]
    pub struct Origin {
        pub engine: Address,
        pub max_lag: u64,
        pub epoch: u64,
        pub committee: B256,
        pub latest: u64,
        pub frozen: bool,
    }
}

stored_struct! {
    /// A certified block, and when it was certified here.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Root { pub state_root: B256, pub block_hash: B256, pub at: u64 }
}

stored_struct! {
    /// See [`abi::Rule`]. `set` is true: a rule of zeros is a rule.
    #[derive(Clone, Copy, Debug)]
    pub struct Rule { pub set: bool, pub local_key: B256, pub max_staleness: u64, pub expiry_cap: u64, pub cap: U256 }
}

stored_struct! {
    /// See [`abi::Right`].
    #[derive(Clone, Copy, Debug)]
    pub struct Right {
        pub commitment: [u8; COMMITMENT_BYTES],
        pub value: U256,
        pub destination: u64,
        pub issued: u64,
        pub nonce: u64,
        pub expiry: u64,
        pub proven: u64,
        pub proven_at: u64,
        pub ended: u64,
    }
}

stored_struct! {
    /// Heights of origins, 16 bytes each, and when they were pinned.
    #[derive(Clone, Debug)]
    pub struct Snapshot { pub heights: Vec<u8>, pub at: u64 }
}

stored_struct! {
    /// Wei that answers for a validator; `withdrawable_at` 0: nobody asked for it.
    #[derive(Clone, Copy, Debug)]
    pub struct Bond { pub amount: U256, pub withdrawable_at: u64 }
}

impl Store {
    /// A nonce that was never given.
    pub fn next_nonce(&mut self) -> u64 {
        self.counters.update(|counters| {
            counters.nonce += 1;
            counters.nonce
        })
    }

    /// A nonce and a serial that were never given.
    pub fn next_message(&mut self) -> Counters {
        self.counters.update(|counters| {
            counters.nonce += 1;
            counters.serial += 1;
            *counters
        })
    }

    /// An origin that is believed, frozen or not.
    pub fn origin(&self, chain_id: u64) -> Result<Origin, Revert> {
        Ok(self.origins.find(&chain_id).ok_or(abi::UnknownOrigin { chainId: chain_id })?)
    }

    /// An origin that is not frozen.
    pub fn thawed(&self, chain_id: u64) -> Result<Origin, Revert> {
        let origin = self.origin(chain_id)?;
        ensure!(!origin.frozen, abi::OriginIsFrozen { chainId: chain_id });
        Ok(origin)
    }

    /// The rule for what an origin has under a key.
    pub fn rule(&self, origin: u64, kind: u8, key: B256) -> Result<Rule, Revert> {
        Ok(self.rules.find(&(origin, kind, key)).ok_or(abi::NoRule { origin, kind, key })?)
    }

    /// Where a local right may come from: origins and their keys. At most [`MAX_SOURCES`].
    pub fn sources_of(&self, kind: u8, local_key: B256) -> Vec<(u64, B256)> {
        let bytes = self.sources.get(&(kind, local_key));
        bytes.chunks_exact(SOURCE_BYTES).map(read_source).collect()
    }

    /// Adds a source, unless it is there.
    pub fn add_source(&mut self, kind: u8, local_key: B256, source: (u64, B256)) -> Result<(), Revert> {
        let mut sources = self.sources_of(kind, local_key);
        if !sources.contains(&source) {
            ensure!(sources.len() < MAX_SOURCES, abi::TooMany { most: MAX_SOURCES as u64 });
            sources.push(source);
            self.put_sources(kind, local_key, &sources);
        }
        Ok(())
    }

    /// Takes a source away.
    pub fn remove_source(&mut self, kind: u8, local_key: B256, source: (u64, B256)) {
        let mut sources = self.sources_of(kind, local_key);
        sources.retain(|other| *other != source);
        self.put_sources(kind, local_key, &sources);
    }

    fn put_sources(&mut self, kind: u8, local_key: B256, sources: &[(u64, B256)]) {
        let mut bytes = Vec::with_capacity(sources.len() * SOURCE_BYTES);
        for (origin, key) in sources {
            bytes.extend(origin.to_be_bytes());
            bytes.extend_from_slice(key.as_slice());
        }
        self.sources.set(&(kind, local_key), &bytes);
    }
}

const SOURCE_BYTES: usize = 8 + 32;

/// A piece of exactly [`SOURCE_BYTES`].
fn read_source(bytes: &[u8]) -> (u64, B256) {
    let (origin, key) = bytes.split_at(8);
    (origin.iter().fold(0, |id, byte| id << 8 | u64::from(*byte)), B256::from_slice(key))
}

/// A checked sum.
pub fn plus(a: U256, b: U256) -> Result<U256, Revert> {
    Ok(a.checked_add(b).ok_or(abi::Overflow {})?)
}
