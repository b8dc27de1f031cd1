//! How the weave engines of the development chains come to know each other.
//!
//! Everything here is what any governor would send: `setOrigin` and `setCommittee` for each other chain, `bond` by the validators'
//! owners. The first of these owners governs the engine until that is done and hands it to account 0 in the same block, so
//! account 0 has used no nonce when the node is ready.

use std::{path::Path, sync::Arc, time::Duration};

use alloy_primitives::{Address, Bytes, U256, address};
use alloy_signer_local::{LocalSignerError, PrivateKeySigner};
use alloy_sol_types::{SolCall as _, SolValue as _};
use caldera_chain::{Chain, DevError as MiningError};
use caldera_types::Committee;
use caldera_validation::{Registration, RegistrationError, committee_of};
use caldera_weave::LinkOptions;
use weave_rules::abi::Weave as abi;

use super::{ALLIANCE, ARENA, FINANCE, accounts};
use crate::{
    rpc::{Endpoint, Fees, Rpc, RpcError, Sender, SignedTx, Watch},
    secret_file::SecretFileError,
    validation::{self, ValidationSpec},
    weave::{self, CarrySpec, LinkSpec},
};

/// Where the weave engine is mounted on each of the three.
pub const WEAVE: Address = address!("000000000000000000000000000000000003EA7E");

/// How the links behave: a root a minute at four blocks a second.
const LINKS: LinkOptions = LinkOptions { heartbeat: 240 };

/// Blocks that a root may lie behind the newest one that is known, and still carry a proof.
const MAX_LAG: u64 = 1_024;
/// How long a bond that was asked back still answers for its validator.
const UNBOND_SECONDS: u64 = 7 * 24 * 3_600;
/// What a reporter gets of a slashed bond, in basis points.
const REWARD_BPS: u16 = 1_000;
/// Ether with which the carrier pays for gas on each chain: a crossing takes less than a thousandth.
const CARRIER_ETHER: u64 = 1_000;
/// Ether that answers for each validator on each chain.
const BOND_ETHER: u64 = 1_000;
/// Gas of `setCommittee`: four proofs of possession cost 0.7 million.
const COMMITTEE_GAS: u64 = 3_000_000;
/// Gas of everything else.
const CALL_GAS: u64 = 500_000;
/// How long a block that was asked for may take.
const WITHIN: Duration = Duration::from_secs(60);

/// Why the chains are not linked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The node does not answer itself, or a transaction failed.
    #[error("linking the weave engines: {0}")]
    Rpc(#[from] RpcError),
    /// No block could be made.
    #[error("linking the weave engines of chain '{chain}': {source}")]
    Mining {
        /// Which chain.
        chain: String,
        /// Why not.
        source: Box<MiningError>,
    },
    /// The mnemonic gives no keys.
    #[error("keys of the test mnemonic: {0}")]
    Keys(#[from] LocalSignerError),
    /// The validators or the carrier have no keys.
    #[error(transparent)]
    Secrets(#[from] SecretFileError),
    /// They are no committee.
    #[error("committee: {0}")]
    Committee(#[from] RegistrationError),
    /// Somebody took the engine over, and this node cannot sign for him.
    #[error(
        "chain '{chain}' does not know chain {origin} as it is, and its weave engine is governed by {governor}, whose key this \
         node has not: let that account call setOrigin and setCommittee"
    )]
    Governor {
        /// Which chain.
        chain: String,
        /// Whom it does not know.
        origin: u64,
        /// Who governs.
        governor: Address,
    },
}

/// The `init` configuration: nobody is believed yet.
pub(super) fn config(governor: Address) -> Bytes {
    let config = abi::Config {
        governor,
        unbondSeconds: UNBOND_SECONDS,
        rewardBps: REWARD_BPS,
        origins: Vec::new(),
        epoch: 0,
        committee: Vec::new(),
    };
    config.abi_encode().into()
}

/// What is carried: everything, from each of the three chains to each other.
pub fn carry() -> CarrySpec {
    let names = [FINANCE, ARENA, ALLIANCE].map(|(name, _)| name);
    let pairs = names.into_iter().flat_map(|origin| names.map(|destination| (origin, destination)));
    let links = pairs.filter(|(origin, destination)| origin != destination);
    let links = links.map(|(origin, destination)| LinkSpec { origin: origin.into(), destination: destination.into() });
    CarrySpec { links: links.collect(), engine: Some(WEAVE), key_file: None, options: LINKS }
}

/// Makes every chain with a weave engine at [`WEAVE`] believe the committee of the others. What is done already is not done again.
pub async fn link(url: &str, chains: &[Arc<Chain>], validation: &ValidationSpec, data: &Path) -> Result<(), LinkError> {
    let registered = validation::registrations(validation, data)?;
    let committee = committee_of(0, &registered)?;
    let carrier = weave::account(data)?.address();
    let woven = |chain: &&Arc<Chain>| {
        chain.registry().is_ok_and(|registry| registry.mounts.iter().any(|mount| mount.address == WEAVE))
    };
    let chains: Vec<_> = chains.iter().filter(woven).collect();
    let ids: Vec<_> = chains.iter().map(|chain| chain.chain_id()).collect();
    for chain in &chains {
        let others = ids.iter().copied().filter(|id| *id != chain.chain_id()).collect();
        let rpc = Rpc::new(Endpoint::of(url, chain.name()))?;
        Linking { chain, rpc, others, registered: &registered, committee: &committee, carrier }.link().await?;
    }
    Ok(())
}

struct Linking<'a> {
    chain: &'a Arc<Chain>,
    rpc: Rpc,
    others: Vec<u64>,
    registered: &'a [Registration],
    committee: &'a Committee,
    carrier: Address,
}

impl Linking<'_> {
    async fn link(&self) -> Result<(), LinkError> {
        if self.is_done().await? {
            return Ok(());
        }
        // What a run before this one sent and no block has yet.
        self.mine().await?;
        let Some(sent) = self.send().await? else { return Ok(()) };
        let mut watch = Watch::from_head(&self.rpc).await?;
        for tx in &sent {
            self.rpc.send_raw(&tx.raw).await?;
        }
        self.mine().await?;
        let hashes: Vec<_> = sent.iter().map(|tx| tx.hash).collect();
        watch.receipts(&hashes, WITHIN).await?;
        Ok(())
    }

    /// Account 0 gets the engine last.
    async fn is_done(&self) -> Result<bool, LinkError> {
        Ok(self.rpc.call(WEAVE, abi::governorCall {}).await? != self.linker()?.address()
            && self.missing().await?.is_empty())
    }

    /// The chains that are not known here, or not with this committee.
    async fn missing(&self) -> Result<Vec<(u64, bool, u64)>, RpcError> {
        let mut missing = Vec::new();
        for chain_id in &self.others {
            let asked = self.rpc.call(WEAVE, abi::originOfCall { chainId: *chain_id }).await;
            let (known, epoch, root) = match asked {
                Ok(origin) => (origin.engine == WEAVE, origin.epoch, origin.committeeRoot),
                Err(RpcError::Reverted { .. }) => (false, 0, Default::default()),
                Err(error) => return Err(error),
            };
            if !known || root != self.committee.root() {
                // A committee follows another only with a later epoch; who signs now is of epoch 0.
                missing.push((*chain_id, known, epoch));
            }
        }
        Ok(missing)
    }

    /// Signs what is missing, in the order in which it must run.
    async fn send(&self) -> Result<Option<Vec<SignedTx>>, LinkError> {
        let missing = self.missing().await?;
        let linker = self.linker()?;
        let governor = self.rpc.call(WEAVE, abi::governorCall {}).await?;
        let heir = accounts::governor()?;
        let hands_over = governor == linker.address();
        let signer = match (hands_over, governor == heir.address(), missing.first()) {
            (true, ..) => linker.clone(),
            (_, true, Some(_)) => heir.clone(),
            (_, _, None) => return Ok(None),
            (.., Some((origin, ..))) => {
                return Err(LinkError::Governor { chain: self.chain.name().to_owned(), origin: *origin, governor });
            }
        };
        let mut sender = self.sender(signer).await?;
        let mut sent = Vec::new();
        for (chain_id, known, _) in missing {
            if !known {
                let call = abi::setOriginCall { chainId: chain_id, engine: WEAVE, maxLag: MAX_LAG };
                sent.push(sender.call(WEAVE, &call, CALL_GAS)?);
            }
            let members = self.registered.iter().map(member).collect();
            let call = abi::setCommitteeCall { chainId: chain_id, epoch: self.committee.epoch(), members };
            sent.push(sender.call(WEAVE, &call, COMMITTEE_GAS)?);
        }
        if hands_over {
            sent.push(sender.pay(self.carrier, ether(CARRIER_ETHER))?);
            // The linker's own bond first, from the sender that counts its nonces.
            sent.extend(self.bond(&mut sender).await?);
            for owner in accounts::validators()?.into_iter().skip(1) {
                let mut sender = self.sender(owner.signer).await?;
                sent.extend(self.bond(&mut sender).await?);
            }
            sent.push(sender.call(WEAVE, &abi::setGovernorCall { governor: heir.address() }, CALL_GAS)?);
        }
        Ok(Some(sent))
    }

    /// The bond of an account that has none.
    async fn bond(&self, sender: &mut Sender) -> Result<Option<SignedTx>, RpcError> {
        let bond = self.rpc.call(WEAVE, abi::bondOfCall { owner: sender.address() }).await?;
        if !bond.amount.is_zero() {
            return Ok(None);
        }
        sender.sign(WEAVE, ether(BOND_ETHER), abi::bondCall {}.abi_encode().into(), CALL_GAS).map(Some)
    }

    /// One that offers no tip: account 0 gets the tips, and is to have what every tool expects.
    async fn sender(&self, signer: PrivateKeySigner) -> Result<Sender, RpcError> {
        let mut sender = Sender::ask(&self.rpc, signer).await?;
        sender.set_fees(Fees { tip: 0, ..Fees::ask(&self.rpc).await? });
        Ok(sender)
    }

    fn linker(&self) -> Result<PrivateKeySigner, LocalSignerError> {
        // There are four.
        Ok(accounts::validators()?.swap_remove(0).signer)
    }

    /// Makes a block now: the next one may be an hour away.
    async fn mine(&self) -> Result<(), LinkError> {
        let chain = self.chain.clone();
        let mined = tokio::task::spawn_blocking(move || chain.mine(1, None, None)).await;
        let mined = mined.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        mined.map_err(|source| LinkError::Mining { chain: self.chain.name().to_owned(), source: Box::new(source) })
    }
}

fn ether(amount: u64) -> U256 {
    U256::from(amount) * U256::from(10).pow(U256::from(18))
}

fn member(registered: &Registration) -> abi::Member {
    abi::Member {
        key: Bytes::copy_from_slice(registered.key.as_slice()),
        weight: registered.weight,
        owner: registered.owner,
        possession: Bytes::copy_from_slice(registered.possession.as_slice()),
    }
}
