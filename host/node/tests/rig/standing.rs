//! Where a chain's mount stood at a height, by the registry and by the engine itself.

use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use alloy_sol_types::{SolCall, SolError};
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_node::rpc::{Rpc, RpcError};
use caldera_testkit::PROBE;
use jsonrpsee_core::rpc_params;
use probe_engine::IProbe;
use serde_json::{Value, json};

/// All that is known of it at one height.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The height.
    pub number: u64,
    /// The mount.
    pub mount: abi::MountInfo,
    /// Where it stands on the road.
    pub swap: Option<abi::SwapInfo>,
    /// What is armed.
    pub armed: Vec<abi::ArmedInfo>,
    /// What is staged.
    pub staged: Vec<B256>,
    /// Whether old values wait to be dropped.
    pub sweeping: bool,
    /// Storage roots of the probe and of the registry.
    pub storage: [B256; 2],
}

impl Standing {
    /// Asks a node. What registry, account and engine say must fit.
    pub async fn ask(rpc: &Rpc, number: u64) -> Result<Self, RpcError> {
        let mount = call_at(rpc, registry::ADDRESS, abi::mountAtCall { mount: PROBE }, number).await?;
        let swaps = call_at(rpc, registry::ADDRESS, abi::swapsCall {}, number).await?;
        let garbage: U256 = keccak256([b"garbage".as_slice(), &[0; 32]].concat()).into();
        let garbage: B256 =
            rpc.request("eth_getStorageAt", rpc_params![registry::ADDRESS, garbage, U64::from(number)]).await?;
        let standing = Self {
            number,
            mount,
            swap: swaps.into_iter().find(|swap| swap.mount == PROBE),
            armed: call_at(rpc, registry::ADDRESS, abi::armedCall {}, number).await?,
            staged: call_at(rpc, registry::ADDRESS, abi::stagedDigestsCall {}, number).await?,
            sweeping: !garbage.is_zero(),
            storage: [storage_root(rpc, PROBE, number).await?, storage_root(rpc, registry::ADDRESS, number).await?],
        };
        standing.check(rpc).await?;
        Ok(standing)
    }

    /// The phase's name; active if it has none.
    pub fn phase(&self) -> &str {
        self.swap.as_ref().map_or("active", |swap| &swap.phase)
    }

    /// The account names the component that the registry names, and that one answers.
    async fn check(&self, rpc: &Rpc) -> Result<(), RpcError> {
        let code: Bytes = rpc.request("eth_getCode", rpc_params![PROBE, U64::from(self.number)]).await?;
        assert_eq!(code[..], [&[0xfe], self.mount.digest.as_slice()].concat(), "code at block {}", self.number);
        match call_at(rpc, PROBE, IProbe::generationCall {}, self.number).await {
            Ok(answer) => assert_eq!(answer, self.mount.stateVersion, "at block {}", self.number),
            Err(RpcError::Reverted { data, .. }) if self.phase() == "frozen" => {
                assert_eq!(abi::EngineFrozen::abi_decode(&data).expect("a typed error").mount, PROBE);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Calls a view function as it would have answered after a block.
pub async fn call_at<C: SolCall>(rpc: &Rpc, to: Address, call: C, number: u64) -> Result<C::Return, RpcError> {
    let request = json!({ "to": to, "data": Bytes::from(call.abi_encode()) });
    let answer: Bytes = rpc.request("eth_call", rpc_params![request, U64::from(number)]).await?;
    Ok(C::abi_decode_returns(&answer).expect("the answer decodes"))
}

async fn storage_root(rpc: &Rpc, of: Address, number: u64) -> Result<B256, RpcError> {
    let proof: Value = rpc.request("eth_getProof", rpc_params![of, json!([]), U64::from(number)]).await?;
    Ok(proof["storageHash"].as_str().expect("a proof has it").parse().expect("it is a hash"))
}
