//! A transaction's receipt as the node keeps it: the consensus receipt and what clients ask for beside it.

use alloy_consensus::{Eip658Value, ReceiptEnvelope};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, Bytes, Log};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};

use crate::fault::Fault;

/// One transaction's outcome. Only `consensus` is under the receipts root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxReceipt {
    /// What the receipts root commits to.
    pub consensus: ReceiptEnvelope,
    /// Gas of this transaction alone.
    pub gas_used: u64,
    /// Wei per gas that the sender paid.
    pub effective_gas_price: u128,
    /// The contract it created.
    pub contract_address: Option<Address>,
    /// The fault of the outermost engine call that halted it.
    pub fault: Option<Fault>,
}

impl TxReceipt {
    /// Whether the transaction took effect.
    pub fn succeeded(&self) -> bool {
        matches!(self.consensus.as_receipt().map(|r| r.status), Some(Eip658Value::Eip658(true)))
    }

    /// Its logs, in order.
    pub fn logs(&self) -> &[Log] {
        self.consensus.logs()
    }
}

/// The stored form.
#[derive(RlpEncodable, RlpDecodable)]
struct Stored {
    consensus: Bytes,
    gas_used: u64,
    effective_gas_price: u128,
    contract_address: Bytes,
    fault: String,
}

impl Encodable for TxReceipt {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        Stored {
            consensus: self.consensus.encoded_2718().into(),
            gas_used: self.gas_used,
            effective_gas_price: self.effective_gas_price,
            contract_address: self.contract_address.map(|a| Bytes::copy_from_slice(a.as_slice())).unwrap_or_default(),
            fault: self.fault.map(|f| f.name().to_owned()).unwrap_or_default(),
        }
        .encode(out);
    }
}

impl Decodable for TxReceipt {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let stored = Stored::decode(buf)?;
        let consensus = ReceiptEnvelope::decode_2718(&mut stored.consensus.as_ref())
            .map_err(|_| alloy_rlp::Error::Custom("receipt envelope"))?;
        let contract_address = match stored.contract_address.len() {
            0 => None,
            20 => Some(Address::from_slice(&stored.contract_address)),
            _ => return Err(alloy_rlp::Error::Custom("contract address")),
        };
        Ok(Self {
            consensus,
            gas_used: stored.gas_used,
            effective_gas_price: stored.effective_gas_price,
            contract_address,
            fault: Fault::from_name(&stored.fault),
        })
    }
}
