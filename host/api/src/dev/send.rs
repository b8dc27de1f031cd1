//! `eth_sendTransaction`: a transaction that the node completes, and signs for one of its accounts, or sends in the name of
//! an account that is impersonated.

use alloy_consensus::{
    SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy, transaction::RlpEcdsaEncodableTx,
};
use alloy_primitives::{Address, Signature, TxKind};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_signer::SignerSync;
use caldera_chain::Accepted;
use caldera_execution::SimulationRequest;
use caldera_types::impersonation;
use jsonrpsee_core::RegisterMethodError;

use crate::{
    args::Args,
    context::ChainApi,
    errors::{Reply, RpcError},
    eth::request::simulation,
    methods::{Param, param::CALL},
    module::Module,
};

const TRANSACTION: Param = Param { name: "transaction", ..CALL };

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "Completes, signs and sends a transaction of an account of the node, or of one that is impersonated.";
    module.development_accepting("eth_sendTransaction", about, &[TRANSACTION], send)
}

fn send(api: &ChainApi, args: &mut Args<'_>) -> Reply<Accepted> {
    let request: TransactionRequest = args.next()?;
    let sender = request.from.or_else(|| api.keys.accounts().first().copied()).unwrap_or_default();
    let request = TransactionRequest { from: Some(sender), ..request };
    if api.keys.of(sender).is_none() && !api.chain.is_impersonated(sender) {
        // Says which accounts there are.
        api.keys.must_have(sender)?;
    }
    let priced = request.gas_price.is_some();
    let capped = request.max_fee_per_gas;
    let mut call = simulation(api, request)?;
    let nonce = match call.nonce {
        Some(nonce) => nonce,
        None => api.chain.next_nonce(sender)?,
    };
    if !priced {
        let tip =
            call.priority_fee.filter(|_| capped.is_some() || call.gas_price > 0).unwrap_or(api.chain.suggest_tip());
        // Twice the base fee holds for some full blocks.
        let fee = capped.unwrap_or(2 * u128::from(api.chain.next_base_fee()) + tip);
        (call.gas_price, call.priority_fee) = (fee, Some(tip.min(fee)));
    }
    if call.gas.is_none() {
        // What an estimate pays is not asked: a sender without funds is refused by the pool, by name.
        let free = SimulationRequest { gas_price: 0, priority_fee: None, nonce: None, ..call.clone() };
        call.gas = Some(api.chain.estimate_gas(api.head_number(), &free)?);
    }
    let tx = Unsigned::of(api.chain.chain_id(), nonce, call)?;
    Ok(api.chain.accept(tx.authored(api, sender)?, Vec::new())?)
}

/// A transaction of one of the types that a chain takes.
enum Unsigned {
    Legacy(TxLegacy),
    Eip2930(TxEip2930),
    Eip1559(TxEip1559),
    Eip7702(TxEip7702),
}

impl Unsigned {
    fn of(chain_id: u64, nonce: u64, call: SimulationRequest) -> Reply<Self> {
        let gas_limit = call.gas_limit();
        let SimulationRequest { to, gas_price, value, input, access_list, authorizations, .. } = call;
        let (max_fee_per_gas, max_priority_fee_per_gas) = (gas_price, call.priority_fee.unwrap_or(gas_price));
        Ok(match (authorizations.is_empty(), call.priority_fee.is_some(), access_list.is_empty()) {
            (false, ..) => {
                let TxKind::Call(to) = to else {
                    return Err(RpcError::InvalidParams(
                        "a transaction with authorizations creates no contract".into(),
                    ));
                };
                let authorization_list = authorizations;
                Self::Eip7702(TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas,
                    max_priority_fee_per_gas,
                    to,
                    value,
                    access_list,
                    authorization_list,
                    input,
                })
            }
            (true, true, _) => Self::Eip1559(TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list,
                input,
            }),
            (true, false, false) => {
                Self::Eip2930(TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input })
            }
            (true, false, true) => {
                let chain_id = Some(chain_id);
                Self::Legacy(TxLegacy { chain_id, nonce, gas_price, gas_limit, to, value, input })
            }
        })
    }

    /// With the account's signature, or with what stands in its place.
    fn authored(self, api: &ChainApi, sender: Address) -> Reply<TxEnvelope> {
        Ok(match self {
            Self::Legacy(tx) => complete(api, sender, tx)?,
            Self::Eip2930(tx) => complete(api, sender, tx)?,
            Self::Eip1559(tx) => complete(api, sender, tx)?,
            Self::Eip7702(tx) => complete(api, sender, tx)?,
        })
    }
}

fn complete<T>(api: &ChainApi, sender: Address, tx: T) -> Reply<TxEnvelope>
where
    T: SignableTransaction<Signature> + RlpEcdsaEncodableTx,
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let signature = match api.keys.of(sender) {
        Some(key) => key.sign_hash_sync(&tx.signature_hash()),
        None => Ok(impersonation(sender)),
    };
    let signature = signature.map_err(|error| RpcError::Node(format!("signing: {error}")))?;
    Ok(tx.into_signed(signature).into())
}
