//! Users who send wei abroad, and others who send it home.

use std::time::Duration;

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use caldera_node::rpc::RpcError;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use weave_rules::abi::Weave as abi;

use crate::{chain::Chain, link::asset, rig::USER};

/// Who has what came home.
pub const RECIPIENT: Address = Address::repeat_byte(0x7e);
/// Most wei in one crossing.
const MOST: u64 = 1_000;
/// Crossings that are sent at once, at most.
const BURST: u64 = 4;
/// Between two looks at an empty balance.
const POLL: Duration = Duration::from_millis(20);

/// Amounts by a seed.
pub struct Traffic(ChaCha8Rng);

impl Traffic {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    fn up_to(&mut self, most: u64) -> u64 {
        1 + self.0.next_u64() % most
    }

    /// Locks at home until a node dies.
    pub async fn locks(mut self, home: Chain, abroad: Chain) -> Result<(), RpcError> {
        loop {
            let lock = |amount| abi::lockCall {
                token: Address::ZERO,
                amount,
                destination: abroad.id,
                recipient: abroad.player(USER),
            };
            let amounts: Vec<_> = (0..self.up_to(BURST)).map(|_| U256::from(self.up_to(MOST))).collect();
            let calls: Vec<_> = amounts.iter().map(|amount| (lock(*amount).abi_encode().into(), *amount)).collect();
            let receipts = home.send(USER, &calls).await?;
            assert!(receipts.iter().all(|receipt| receipt.status()), "whoever pays may lock");
            // The other node's death ends this too.
            abroad.rpc.block_number().await?;
        }
    }

    /// Burns what is abroad until a node dies.
    pub async fn burns(mut self, abroad: Chain, home: Chain) -> Result<(), RpcError> {
        let asset = asset(&home);
        loop {
            let owner = abroad.player(USER);
            let balance = abroad.ask(abi::balanceOfCall { owner, asset }).await?;
            let amount = U256::from(self.up_to(MOST)).min(balance);
            if amount.is_zero() {
                tokio::time::sleep(POLL).await;
            } else {
                let call = abi::burnCall { asset, amount, recipient: RECIPIENT }.abi_encode().into();
                // One that an earlier life accepted may have taken the balance first.
                abroad.send(USER, &[(call, U256::ZERO)]).await?;
            }
            home.rpc.block_number().await?;
        }
    }
}
