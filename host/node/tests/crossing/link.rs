//! Two chains that believe each other, and what one maps of the other.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use weave_rules::{abi::Weave as abi, unit};

use crate::{chain::Chain, rig::GOVERNOR, side::Side};

/// A root may be so many blocks behind: a carrier that was away still brings what it has.
const MAX_LAG: u64 = 1_000_000;
/// Asset, see [`unit::Kind`].
pub const ASSET: u8 = 1;

/// The asset that crosses: wei of its home.
pub fn asset(home: &Chain) -> B256 {
    unit::asset_id(home.id, Address::ZERO)
}

/// Tells each chain's engine the other's committee, and one of them that it may mint wei of the other.
pub async fn believe_each_other(home: &Side, abroad: &Side) {
    for (here, there) in [(home, abroad), (abroad, home)] {
        let (chain, chain_id) = (here.chain(), there.chain().id);
        let origin = abi::setOriginCall { chainId: chain_id, engine: there.chain().weave, maxLag: MAX_LAG };
        govern(&chain, &origin).await;
        govern(&chain, &abi::setCommitteeCall { chainId: chain_id, epoch: 0, members: there.members() }).await;
    }
    may_mint(&abroad.chain(), &home.chain()).await;
}

/// Tells a chain's engine that it may mint wei of the other.
pub async fn may_mint(abroad: &Chain, home: &Chain) {
    let (origin, key) = (home.id, asset(home));
    let rule = abi::Rule { localKey: key, maxStaleness: 0, expiryCap: 0, cap: U256::ZERO };
    govern(abroad, &abi::setRuleCall { origin, kind: ASSET, key, rule }).await;
}

async fn govern(chain: &Chain, call: &impl SolCall) {
    let call = Bytes::from(call.abi_encode());
    let receipts = chain.send(GOVERNOR, &[(call, U256::ZERO)]).await.expect("the node answers");
    assert!(receipts[0].status(), "the governor decides");
}
