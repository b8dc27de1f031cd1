//! Signatures of the development accounts.

use alloy_dyn_abi::TypedData;
use alloy_primitives::{Address, Bytes, Signature};
use alloy_signer::SignerSync;
use jsonrpsee_core::RegisterMethodError;

use crate::{
    errors::{Reply, RpcError},
    methods::{Param, param::ADDRESS},
    module::Module,
};

const DATA: Param = Param::new("data", "Bytes");
const TYPED_DATA: Param = Param::new("typed data", "TypedData");

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "A signature of data as a personal message (EIP-191).";
    module.development("eth_sign", about, &[ADDRESS, DATA], "Bytes", |api, args| {
        let address: Address = args.next()?;
        let data: Bytes = args.next()?;
        bytes(api.keys.must_have(address)?.sign_message_sync(&data))
    })?;
    module.development("personal_sign", about, &[DATA, ADDRESS], "Bytes", |api, args| {
        let data: Bytes = args.next()?;
        let address: Address = args.next()?;
        bytes(api.keys.must_have(address)?.sign_message_sync(&data))
    })?;
    let about = "A signature of typed data (EIP-712), given as an object or as its JSON text.";
    module.development("eth_signTypedData_v4", about, &[ADDRESS, TYPED_DATA], "Bytes", |api, args| {
        let address: Address = args.next()?;
        let data: TypedData = args.next()?;
        let hash = data.eip712_signing_hash();
        let hash = hash.map_err(|error| RpcError::InvalidParams(format!("typed data: {error}")))?;
        bytes(api.keys.must_have(address)?.sign_hash_sync(&hash))
    })
}

/// A signature as clients read it: r, s, and 27 or 28.
fn bytes(signature: Result<Signature, alloy_signer::Error>) -> Reply<Bytes> {
    let signature = signature.map_err(|error| RpcError::Node(format!("signing: {error}")))?;
    Ok(signature.as_bytes().into())
}
