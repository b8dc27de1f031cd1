//! A witness as a file: with the components, so that a machine that knows nothing of the chain can verify the block.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use caldera_state::{Witness, WitnessError};
use caldera_types::{Component, Digest};

use crate::ChainRules;

/// The layout of the file.
const VERSION: u8 = 1;

/// What `caldera verify` takes beside the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessFile {
    /// Which chain it says it is of. Who verifies should know better.
    pub rules: ChainRules,
    /// What the block reads.
    pub witness: Witness,
    /// The components that the witness names.
    pub components: BTreeMap<Digest, Component>,
}

#[derive(RlpEncodable, RlpDecodable)]
struct Stored {
    version: u8,
    chain_id: u64,
    gas_limit: u64,
    beneficiary: Address,
    witness: Bytes,
    components: Vec<Bytes>,
}

impl WitnessFile {
    /// An RLP list: layout, chain id, gas limit, beneficiary, witness, components packed with zstd in the order of their digests.
    pub fn encode(&self) -> Vec<u8> {
        let ChainRules { chain_id, gas_limit, beneficiary } = self.rules;
        alloy_rlp::encode(Stored {
            version: VERSION,
            chain_id,
            gas_limit,
            beneficiary,
            witness: self.witness.encode().into(),
            components: self.components.values().map(Component::compress).collect(),
        })
    }

    /// Reads it. Its components must be those that the witness names.
    pub fn decode(bytes: &[u8]) -> Result<Self, WitnessError> {
        let malformed = |why: String| WitnessError::Malformed(why);
        let stored: Stored = alloy_rlp::decode_exact(bytes).map_err(|error| malformed(error.to_string()))?;
        let Stored { version, chain_id, gas_limit, beneficiary, witness, components } = stored;
        if version != VERSION {
            return Err(WitnessError::UnknownVersion(version));
        }
        let witness = Witness::decode(&witness)?;
        if components.len() != witness.components.len() {
            let (came, named) = (components.len(), witness.components.len());
            return Err(malformed(format!("{came} components came, {named} are named")));
        }
        let mut unpacked = BTreeMap::new();
        for (packed, named) in components.iter().zip(&witness.components) {
            let component = Component::decompress(packed).map_err(|error| malformed(error.to_string()))?;
            if component.digest() != *named {
                return Err(malformed(format!("component {} came in the place of {named}", component.digest())));
            }
            unpacked.insert(*named, component);
        }
        Ok(Self { rules: ChainRules { chain_id, gas_limit, beneficiary }, witness, components: unpacked })
    }
}
