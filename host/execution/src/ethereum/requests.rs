//! Requests to the consensus layer (EIP-7685): deposits from logs, withdrawals and consolidations from system calls.

use alloy_eips::{
    eip7002::{WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_TYPE},
    eip7251::{CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_TYPE},
    eip7685::Requests,
};
use alloy_primitives::{Address, Bytes, Log};
use alloy_sol_types::SolEvent;
use caldera_types::TxReceipt;

use super::{error::EthereumError, system};
use crate::evm::Ctx;

/// EIP-6110.
const DEPOSIT_REQUEST_TYPE: u8 = 0;
/// Bytes of a deposit's fields.
const DEPOSIT_FIELDS: [usize; 5] = [48, 32, 8, 96, 8];
/// Bytes of a deposit log's data.
const DEPOSIT_LOG_BYTES: usize = 576;

alloy_sol_types::sol! {
    event DepositEvent(bytes pubkey, bytes withdrawal_credentials, bytes amount, bytes signature, bytes index);
}

/// What a block asks of the consensus layer; executes the calls that tell.
pub(super) fn of(
    ctx: &mut Ctx<'_>,
    number: u64,
    deposit_contract: Address,
    receipts: &[TxReceipt],
) -> Result<Requests, EthereumError> {
    let mut requests = Requests::default();
    let mut put = |kind: u8, data: &[u8]| {
        if !data.is_empty() {
            requests.push_request([&[kind], data].concat().into());
        }
    };
    put(DEPOSIT_REQUEST_TYPE, &deposits(number, deposit_contract, receipts)?);
    put(WITHDRAWAL_REQUEST_TYPE, &asked(ctx, number, WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS)?);
    put(CONSOLIDATION_REQUEST_TYPE, &asked(ctx, number, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS)?);
    Ok(requests)
}

/// What a system contract has queued. A block without the contract is not valid.
fn asked(ctx: &mut Ctx<'_>, number: u64, contract: Address) -> Result<Bytes, EthereumError> {
    let node = |error| EthereumError::Node { number, error };
    let account = ctx.journaled_state.database.account(contract).map_err(|error| node(error.into()))?;
    if account.is_none_or(|account| account.code_hash == alloy_primitives::KECCAK256_EMPTY) {
        let why =
            format!("the system contract {contract} has no code, which Prague asks for: a genesis file must have it");
        return Err(EthereumError::Invalid { number, why });
    }
    let result = system::call(ctx, contract, Bytes::new()).map_err(node)?;
    if !result.is_success() {
        return Err(EthereumError::Invalid {
            number,
            why: format!("its call of the system contract {contract} failed"),
        });
    }
    Ok(result.into_output().unwrap_or_default())
}

fn deposits(number: u64, contract: Address, receipts: &[TxReceipt]) -> Result<Vec<u8>, EthereumError> {
    let mut data = Vec::new();
    let logs = receipts.iter().flat_map(|receipt| receipt.logs()).filter(|log| log.address == contract);
    for log in logs.filter(|log| log.topics().first() == Some(&DepositEvent::SIGNATURE_HASH)) {
        let fields = deposit(log).ok_or_else(|| EthereumError::Invalid {
            number,
            why: format!("a log of the deposit contract {contract} is no deposit (EIP-6110)"),
        })?;
        fields.iter().for_each(|field| data.extend_from_slice(field));
    }
    Ok(data)
}

fn deposit(log: &Log) -> Option<[Bytes; 5]> {
    let event = DepositEvent::decode_log(log).ok().filter(|_| log.data.data.len() == DEPOSIT_LOG_BYTES)?.data;
    let fields = [event.pubkey, event.withdrawal_credentials, event.amount, event.signature, event.index];
    fields.iter().map(|field| field.len()).eq(DEPOSIT_FIELDS).then_some(fields)
}
