//! State units with their proofs, as another chain's weave engine takes them.
//!
//! `caldera_getStateUnitProof(unit, block, engine)` → the unit as it is after a block, or that it is not there; the proof of
//! either, joined as `accept`, `mint`, `unlock` and `end` take it and node by node as EIP-1186 has it; and the block's certificate.

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, TxKind, U64};
use alloy_rpc_types_eth::{EIP1186AccountProofResponse, EIP1186StorageProof};
use alloy_serde::JsonStorageKey;
use alloy_sol_types::{SolCall as _, SolError as _};
use caldera_execution::{SimulationRequest, SimulationResult};
use jsonrpsee_core::RegisterMethodError;
use serde::Deserialize;
use serde_json::{Value, json};
use weave_rules::{StateUnit, abi::Weave as abi, place, unit};

use crate::{
    args::Args,
    context::ChainApi,
    errors::{Reply, RpcError},
    methods::Param,
    module::Module,
};

/// An id, or what it is made of.
const UNIT: Param = Param::new("unit", "UnitName");
/// Left out: the newest certified block, whose root other chains believe.
const BLOCK: Param = Param::optional("block", "BlockId");
/// Left out: the one mount that calls itself `weave`.
const ENGINE: Param = Param::optional("engine", "Address");
/// What a component of the weave engine calls itself.
const NAME: &str = "weave";
/// Gas of the question what a unit says: two reads.
const VIEW_GAS: u64 = 5_000_000;

/// Adds the method.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "A state unit, or that there is none, with the proof of it that another chain's weave engine takes.";
    module.blocking("caldera_getStateUnitProof", about, &[UNIT, BLOCK, ENGINE], "StateUnitProof", prove)
}

/// How a client names a unit.
#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Id(B256),
    Of(Parts),
}

/// What identifies a unit of a known engine; rights have no serial.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parts {
    kind: U64,
    owner: Address,
    key: B256,
    #[serde(default)]
    serial: U64,
}

impl Parts {
    fn id(&self, origin: u64, issuer: Address) -> Reply<B256> {
        let kind = u8::try_from(self.kind.to::<u64>()).ok().and_then(unit::Kind::of);
        let kind = kind.ok_or_else(|| {
            RpcError::InvalidParams("kind is 1 for an asset, 2 for a permission, 3 for a behaviour".into())
        })?;
        let (owner, key, serial) = (self.owner, self.key, self.serial.to());
        Ok(unit::id(&StateUnit { kind: kind.code(), origin, issuer, owner, key, serial, ..StateUnit::default() }))
    }
}

fn prove(api: &ChainApi, args: &mut Args<'_>) -> Reply<Value> {
    let name: Name = args.next()?;
    let block = args.next::<Option<BlockId>>()?.unwrap_or(BlockId::Number(BlockNumberOrTag::Safe));
    let engine = match args.next::<Option<Address>>()? {
        Some(engine) => engine,
        None => mounted(api)?,
    };
    let height = api.existing(Some(block))?;
    let id = match name {
        Name::Id(id) => id,
        Name::Of(parts) => parts.id(api.chain.chain_id(), engine)?,
    };
    let (slot, found) = (place::slot(id), unit_of(api, height, engine, id)?);
    let proof = api.chain.proof(height, engine, &[slot])?;
    let account = proof.account.unwrap_or_default();
    let account_proof = Bytes::from(proof.proof.concat());
    let storage_proof = Bytes::from(proof.storage.iter().flat_map(|slot| slot.proof.concat()).collect::<Vec<_>>());
    let slots = proof.storage.into_iter();
    let shown_slots =
        slots.map(|slot| EIP1186StorageProof::new(JsonStorageKey::Hash(slot.key), slot.value, slot.proof)).collect();
    let eip1186 = EIP1186AccountProofResponse {
        address: engine,
        balance: account.balance,
        code_hash: account.code_hash,
        nonce: account.nonce,
        storage_hash: proof.storage_root,
        account_proof: proof.proof,
        storage_proof: shown_slots,
    };
    let certificate = api.certificate_of(height)?.map(|certificate| Bytes::from(certificate.encode()));
    Ok(json!({
        "id": id,
        "slot": slot,
        "engine": engine,
        "unit": found.as_ref().map(shown),
        "encoding": found.as_ref().map(|found| Bytes::copy_from_slice(&unit::encode(found))),
        "proof": { "height": U64::from(height), "accountProof": account_proof, "storageProof": storage_proof },
        "eip1186": eip1186,
        "certificate": certificate,
    }))
}

/// Where the weave engine is.
fn mounted(api: &ChainApi) -> Reply<Address> {
    let registry = api.chain.registry()?;
    let is_weave = |digest| registry.staged.iter().any(|staged| staged.digest == digest && staged.name == NAME);
    let mut mounts = registry.mounts.iter().filter(|mount| is_weave(mount.digest)).map(|mount| mount.address);
    match (mounts.next(), mounts.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => {
            Err(RpcError::InvalidParams("no engine of this chain calls itself weave; name one as `engine`".into()))
        }
        _ => Err(RpcError::InvalidParams(
            "more than one engine of this chain calls itself weave; name one as `engine`".into(),
        )),
    }
}

/// What the engine has under an id after a block.
fn unit_of(api: &ChainApi, height: u64, engine: Address, id: B256) -> Reply<Option<StateUnit>> {
    let input = abi::unitOfCall { id }.abi_encode().into();
    let request = SimulationRequest { to: TxKind::Call(engine), gas: Some(VIEW_GAS), input, ..Default::default() };
    let bad = || RpcError::InvalidParams(format!("{engine} is no weave engine at block {height}"));
    match api.chain.simulate(height, &request)?.result {
        SimulationResult::Return(data) => Ok(Some(abi::unitOfCall::abi_decode_returns(&data).map_err(|_| bad())?)),
        SimulationResult::Revert(data) if abi::NotIssued::abi_decode(&data).is_ok() => Ok(None),
        SimulationResult::Revert(_) => Err(bad()),
        halted => Err(RpcError::of(halted)),
    }
}

fn shown(unit: &StateUnit) -> Value {
    json!({
        "version": U64::from(unit.version),
        "kind": U64::from(unit.kind),
        "origin": U64::from(unit.origin),
        "issuer": unit.issuer,
        "owner": unit.owner,
        "key": unit.key,
        "serial": U64::from(unit.serial),
        "destination": U64::from(unit.destination),
        "value": unit.value,
        "issued": U64::from(unit.issued),
        "nonce": U64::from(unit.nonce),
        "expiry": U64::from(unit.expiry),
    })
}
