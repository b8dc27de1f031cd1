//! A chain with a weave engine, as far as a carrier sees one. Proofs are words here: what is tested is who sends what, and when.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy_primitives::{Address, B256, Bytes, LogData, U256, keccak256};
use alloy_sol_types::{SolCall as _, SolError, SolEvent as _, SolInterface as _};
use caldera_weave::{Answer, Destination, Origin, PortError, Sent};
use parking_lot::Mutex;
use weave_rules::{
    StateUnit,
    abi::Weave::{self as abi, WeaveCalls as Calls},
    unit::{self, Kind},
};

/// What counts at a destination, and how often it did.
#[derive(Clone, Default)]
pub struct State {
    pub rights: BTreeMap<(u64, u8, Address, B256), abi::Right>,
    /// By unit: how often it was minted or unlocked.
    pub consumed: BTreeMap<B256, u64>,
    pub minted: BTreeMap<B256, U256>,
    pub locked: BTreeMap<(u64, B256), U256>,
    pub latest: BTreeMap<u64, u64>,
}

#[derive(Default)]
pub struct Inner {
    pub state: State,
    /// Logs of each block, from block 1.
    pub blocks: Vec<Vec<LogData>>,
    /// What the next block has.
    pub next: Vec<LogData>,
    pub units: BTreeMap<B256, Vec<(u64, Option<StateUnit>)>>,
    pub certified: u64,
    pub pool: Vec<(B256, Bytes)>,
    pub mined: BTreeSet<B256>,
    nonce: u64,
    sent: u64,
    /// Questions that are answered before the next fails; none: all are.
    pub fails_in: Option<u64>,
}

pub struct Chain {
    pub id: u64,
    pub inner: Mutex<Inner>,
}

pub fn engine() -> Address {
    Address::repeat_byte(0x7e)
}

impl Chain {
    pub fn new(id: u64) -> Arc<Self> {
        Arc::new(Self { id, inner: Mutex::default() })
    }

    fn answers(&self) -> Result<(), PortError> {
        let mut inner = self.inner.lock();
        match &mut inner.fails_in {
            Some(0) => Err(PortError { chain_id: self.id, why: "outage".into() }),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A block: what waits runs, but for what `lost` takes.
    pub fn produce(&self, mut lost: impl FnMut() -> bool) {
        let mut inner = self.inner.lock();
        for (hash, input) in std::mem::take(&mut inner.pool) {
            if lost() {
                continue;
            }
            let mut state = inner.state.clone();
            if run(&mut state, self.id, &input).is_ok() {
                inner.state = state;
            }
            inner.mined.insert(hash);
        }
        let logs = std::mem::take(&mut inner.next);
        inner.blocks.push(logs);
    }

    pub fn certify(&self) {
        let mut inner = self.inner.lock();
        inner.certified = inner.blocks.len() as u64;
    }

    /// Issues or renews a right, or moves it to another destination.
    pub fn give(&self, owner: Address, key: B256, destination: u64) {
        let mut inner = self.inner.lock();
        inner.nonce += 1;
        let nonce = inner.nonce;
        let right = StateUnit { kind: Kind::Permission.code(), owner, key, destination, nonce, ..self.bare(&inner) };
        put(&mut inner, right);
    }

    /// Revokes a right that is there.
    pub fn take(&self, owner: Address, key: B256) {
        let mut inner = self.inner.lock();
        let id = self.right_id(Kind::Permission.code(), owner, key);
        let height = inner.blocks.len() as u64 + 1;
        let Some(unit) = at(&inner, u64::MAX, id) else { return };
        inner.units.entry(id).or_default().push((height, None));
        inner.next.push(abi::UnitRevoked { id, owner, key, nonce: unit.nonce }.encode_log_data());
    }

    /// Locks an asset of this chain.
    pub fn lock(&self, destination: u64, amount: u64) {
        let mut inner = self.inner.lock();
        let (asset, amount) = (unit::asset_id(self.id, Address::ZERO), U256::from(amount));
        *inner.state.locked.entry((destination, asset)).or_default() += amount;
        let id = self.send(&mut inner, asset, destination, amount);
        let (from, token) = (Address::ZERO, Address::ZERO);
        inner.next.push(abi::Locked { id, asset, from, token, destination, amount }.encode_log_data());
    }

    /// Burns what is here of another chain's asset, at most so much.
    pub fn burn(&self, home: u64, most: u64) {
        let mut inner = self.inner.lock();
        let asset = unit::asset_id(home, Address::ZERO);
        let held = inner.state.minted.entry(asset).or_default();
        let amount = U256::from(most).min(*held);
        if amount.is_zero() {
            return;
        }
        *held -= amount;
        let id = self.send(&mut inner, asset, home, amount);
        inner.next.push(abi::Burnt { id, asset, from: Address::ZERO, destination: home, amount }.encode_log_data());
    }

    fn send(&self, inner: &mut Inner, key: B256, destination: u64, value: U256) -> B256 {
        inner.nonce += 1;
        let (nonce, owner) = (inner.nonce, Address::repeat_byte(9));
        let (kind, bare) = (Kind::Asset.code(), self.bare(inner));
        put(inner, StateUnit { kind, owner, key, destination, value, nonce, serial: nonce, ..bare })
    }

    fn bare(&self, inner: &Inner) -> StateUnit {
        StateUnit {
            version: unit::VERSION,
            origin: self.id,
            issuer: engine(),
            value: U256::ONE,
            issued: inner.blocks.len() as u64 + 1,
            ..StateUnit::default()
        }
    }

    pub fn now(&self, id: B256) -> Option<StateUnit> {
        at(&self.inner.lock(), u64::MAX, id)
    }
}

fn put(inner: &mut Inner, unit: StateUnit) -> B256 {
    let (id, height) = (unit::id(&unit), inner.blocks.len() as u64 + 1);
    inner.units.entry(id).or_default().push((height, Some(unit.clone())));
    inner.next.push(abi::UnitIssued { id, owner: unit.owner, key: unit.key, unit }.encode_log_data());
    id
}

fn at(inner: &Inner, height: u64, id: B256) -> Option<StateUnit> {
    inner.units.get(&id)?.iter().rev().find(|(from, _)| *from <= height).and_then(|(_, unit)| unit.clone())
}

/// A call, with the engine's refusals for what a carrier can do wrong.
fn run(state: &mut State, here: u64, input: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    let refuse = |error: Vec<u8>| Err(error);
    match Calls::abi_decode(input).expect("a call of the engine") {
        Calls::rightOf(c) => {
            let right = state.rights.get(&(c.origin, c.kind, c.owner, c.key)).cloned();
            Ok(abi::rightOfCall::abi_encode_returns(&right.unwrap_or(NONE)))
        }
        Calls::isConsumed(c) => Ok(abi::isConsumedCall::abi_encode_returns(&state.consumed.contains_key(&c.id))),
        Calls::originOf(c) => Ok(abi::originOfCall::abi_encode_returns(&abi::Origin {
            engine: engine(),
            maxLag: 1_000,
            epoch: 0,
            committeeRoot: B256::ZERO,
            latestHeight: state.latest.get(&c.chainId).copied().unwrap_or_default(),
            frozen: false,
        })),
        Calls::submitRoots(c) => {
            for certificate in &c.certificates {
                note(state, certificate);
            }
            Ok(Vec::new())
        }
        Calls::accept(c) => {
            note(state, &c.certificate);
            let (unit, id) = (&c.unit, unit::id(&c.unit));
            assert!(unit.destination == 0 || unit.destination == here, "carried to the wrong chain");
            assert_eq!(c.proof.storageProof.as_ref(), unit::encode(unit).as_slice(), "a proof of something else");
            let place = (unit.origin, unit.kind, unit.owner, unit.key);
            if let Some(known) = state.rights.get(&place) {
                if unit.nonce < known.nonce || known.endedHeight != 0 && unit.nonce == known.nonce {
                    return refuse(abi::Replay { id, nonce: unit.nonce }.abi_encode());
                }
                let height = known.provenHeight.max(known.endedHeight);
                if c.proof.height <= height {
                    return refuse(abi::Duplicate { id, height }.abi_encode());
                }
            }
            let right = abi::Right { nonce: unit.nonce, provenHeight: c.proof.height, ..NONE };
            state.rights.insert(place, right);
            Ok(Vec::new())
        }
        Calls::end(c) => {
            note(state, &c.certificate);
            let (origin, kind, owner, key) = (c.origin, c.kind, c.owner, c.key);
            let Some(right) = state.rights.get_mut(&(origin, kind, owner, key)) else {
                return refuse(abi::NoRight { origin, kind, owner, key }.abi_encode());
            };
            if right.endedHeight != 0 {
                return refuse(abi::AlreadyEnded { id: B256::ZERO }.abi_encode());
            }
            if c.proof.height <= right.provenHeight {
                return refuse(abi::NotLater { height: c.proof.height, known: right.provenHeight }.abi_encode());
            }
            let still = unit::decode(&c.proof.storageProof).is_ok_and(|unit| unit.nonce == right.nonce);
            if still {
                return refuse(abi::StillCommitted { id: B256::ZERO }.abi_encode());
            }
            right.endedHeight = c.proof.height;
            Ok(Vec::new())
        }
        Calls::mint(c) => {
            note(state, &c.certificate);
            let id = consume(state, &c.unit, abi::AlreadyMinted { id: unit::id(&c.unit) })?;
            *state.minted.entry(c.unit.key).or_default() += c.unit.value;
            Ok(id)
        }
        Calls::unlock(c) => {
            note(state, &c.certificate);
            let id = consume(state, &c.unit, abi::AlreadyUnlocked { id: unit::id(&c.unit) })?;
            let locked = state.locked.entry((c.unit.origin, c.unit.key)).or_default();
            *locked = locked.checked_sub(c.unit.value).expect("more came back than went there");
            Ok(id)
        }
        _ => panic!("not a carrier's call"),
    }
}

fn consume(state: &mut State, unit: &StateUnit, already: impl SolError) -> Result<Vec<u8>, Vec<u8>> {
    let times = state.consumed.entry(unit::id(unit)).or_default();
    if *times > 0 {
        return Err(already.abi_encode());
    }
    *times += 1;
    Ok(Vec::new())
}

/// A certificate is the chain's id and the height.
fn note(state: &mut State, certificate: &[u8]) {
    let (chain, height) = certificate.split_at(8);
    let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().expect("eight bytes"));
    let latest = state.latest.entry(number(chain)).or_default();
    *latest = (*latest).max(number(height));
}

const NONE: abi::Right = abi::Right {
    value: U256::ZERO,
    destination: 0,
    issued: 0,
    nonce: 0,
    expiry: 0,
    provenHeight: 0,
    provenAt: 0,
    endedHeight: 0,
};

impl Origin for Chain {
    fn chain_id(&self) -> u64 {
        self.id
    }

    fn certified(&self) -> Result<u64, PortError> {
        self.answers()?;
        Ok(self.inner.lock().certified)
    }

    fn certificate(&self, height: u64) -> Result<Option<Bytes>, PortError> {
        self.answers()?;
        let certified = self.inner.lock().certified;
        let bytes = [self.id.to_be_bytes(), height.to_be_bytes()].concat();
        Ok((height != 0 && height <= certified).then(|| bytes.into()))
    }

    fn logs(&self, height: u64) -> Result<Vec<LogData>, PortError> {
        self.answers()?;
        Ok(self.inner.lock().blocks[height as usize - 1].clone())
    }

    fn unit(&self, height: u64, id: B256) -> Result<Option<StateUnit>, PortError> {
        self.answers()?;
        Ok(at(&self.inner.lock(), height, id))
    }

    fn proof(&self, height: u64, id: B256) -> Result<abi::Proof, PortError> {
        self.answers()?;
        let unit = at(&self.inner.lock(), height, id);
        let encoding = unit.map(|unit| Bytes::copy_from_slice(&unit::encode(&unit))).unwrap_or_default();
        Ok(abi::Proof { height, accountProof: Bytes::new(), storageProof: encoding })
    }

    fn right_id(&self, kind: u8, owner: Address, key: B256) -> B256 {
        unit::id(&StateUnit { kind, owner, key, origin: self.id, issuer: engine(), ..StateUnit::default() })
    }
}

impl Destination for Chain {
    fn chain_id(&self) -> u64 {
        self.id
    }

    fn ask(&self, input: Bytes) -> Result<Answer, PortError> {
        self.answers()?;
        let mut state = self.inner.lock().state.clone();
        Ok(match run(&mut state, self.id, &input) {
            Ok(data) => Answer::Returned(data.into()),
            Err(data) => Answer::Reverted(data.into()),
        })
    }

    fn submit(&self, input: Bytes) -> Result<B256, PortError> {
        self.answers()?;
        let mut inner = self.inner.lock();
        inner.sent += 1;
        let hash = keccak256(inner.sent.to_be_bytes());
        inner.pool.push((hash, input));
        Ok(hash)
    }

    fn sent(&self, hash: B256) -> Result<Sent, PortError> {
        self.answers()?;
        let inner = self.inner.lock();
        let waits = inner.pool.iter().any(|(waiting, _)| *waiting == hash);
        Ok(if inner.mined.contains(&hash) {
            Sent::Mined
        } else if waits {
            Sent::Waits
        } else {
            Sent::Gone
        })
    }

    fn is_idle(&self) -> Result<bool, PortError> {
        self.answers()?;
        Ok(self.inner.lock().pool.is_empty())
    }
}
