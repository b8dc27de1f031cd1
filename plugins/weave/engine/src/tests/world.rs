//! Three chains in one test host: an engine at an address for each, and the block says whose turn it is.

use caldera_sdk::{
    alloy_primitives::keccak256,
    alloy_sol_types::SolValue,
    prelude::*,
    testing::{Failure, Secret, State, TestHost, aggregate},
    verify::Domain,
};
use weave_rules::{
    StateUnit,
    abi::Weave::{self as abi, Config, Member, OriginConfig, Proof, Rule},
    certificate::{self, Committee},
    place,
    unit::{self, Kind},
};

use crate::Weave;

pub const GOVERNOR: Address = address!("00000000000000000000000000000000000000aa");
pub const ALICE: Address = address!("0000000000000000000000000000000000000a11");
pub const BOB: Address = address!("0000000000000000000000000000000000000b0b");
pub const KEY: B256 = B256::repeat_byte(0x4b);
pub const LOCAL: B256 = B256::repeat_byte(0x1c);
pub const PERMISSION: u8 = Kind::Permission.code();
pub const ASSET: u8 = Kind::Asset.code();
/// Blocks that a root may lie behind.
pub const LAG: u64 = 10;
/// All chains.
pub const CHAINS: [usize; 3] = [0, 1, 2];

/// The chain's id.
pub const fn chain(n: usize) -> u64 {
    101 + n as u64
}

/// The engine of a chain.
pub const fn engine(n: usize) -> Address {
    Address::repeat_byte(0xe0 + n as u8)
}

/// Who answers for a validator.
pub fn owner(n: usize) -> Address {
    Address::repeat_byte(0xc0 + n as u8)
}

/// A certified block with the state behind it.
#[derive(Clone)]
pub struct Certified {
    pub height: u64,
    pub certificate: Bytes,
    pub state: State,
    origin: usize,
}

impl Certified {
    /// What the state says of a unit's place.
    pub fn prove(&self, id: B256) -> Proof {
        let proof = self.state.prove(engine(self.origin), place::slot(id));
        Proof { height: self.height, accountProof: proof.account.into(), storageProof: proof.storage.into() }
    }
}

/// The chains and their common committee.
pub struct World {
    pub host: TestHost,
    pub secrets: Vec<Secret>,
    heights: [u64; 3],
    pub now: u64,
}

impl World {
    /// Chains that know each other, with one committee of four.
    pub fn new() -> Self {
        let host = TestHost::new();
        let secrets: Vec<_> = (1..=4).map(Secret::nth).collect();
        let world = Self { host, secrets, heights: [1; 3], now: 1_700_000_000 };
        for n in CHAINS {
            world.on(n);
            let origins = CHAINS.into_iter().filter(|other| *other != n);
            let config = Config {
                governor: GOVERNOR,
                unbondSeconds: 100,
                rewardBps: 1_000,
                origins: origins
                    .map(|other| OriginConfig { chainId: chain(other), engine: engine(other), maxLag: LAG })
                    .collect(),
                epoch: 1,
                committee: world.members(),
            };
            world.host.init::<Weave>(engine(n), &config.abi_encode()).unwrap();
        }
        world
    }

    /// The committee as the interface takes it.
    pub fn members(&self) -> Vec<Member> {
        let each = self.secrets.iter().enumerate();
        each.map(|(n, secret)| Member {
            key: secret.public_key().into(),
            weight: 1,
            owner: owner(n),
            possession: secret.prove_possession().into(),
        })
        .collect()
    }

    /// The committee of an epoch.
    pub fn committee(&self, epoch: u64) -> Committee {
        let members = self.members();
        let each =
            members.iter().map(|member| certificate::Member { key: &member.key, weight: 1, owner: member.owner });
        Committee::new(epoch, each).unwrap()
    }

    fn on(&self, n: usize) {
        let (height, now) = (self.heights[n], self.now);
        self.host.change_block(|block| {
            block.chain_id = chain(n);
            block.number = height;
            block.timestamp_s = now;
        });
    }

    /// Goes on to a chain's next block.
    pub fn next_block(&mut self, n: usize) {
        self.heights[n] += 1;
    }

    pub fn call<C: SolCall>(&self, n: usize, from: Address, call: &C) -> Result<C::Return, Failure> {
        self.on(n);
        self.host.call(from, engine(n), call)
    }

    pub fn pay<C: SolCall>(&self, n: usize, from: Address, wei: u64, call: &C) -> Result<C::Return, Failure> {
        self.on(n);
        self.host.pay(from, engine(n), U256::from(wei), call)
    }

    pub fn view<C: SolCall>(&self, n: usize, call: &C) -> Result<C::Return, Failure> {
        self.on(n);
        self.host.view(ALICE, engine(n), call)
    }

    /// A call that must be refused by this error and change nothing.
    #[track_caller]
    pub fn refused<E: SolError + PartialEq + core::fmt::Debug>(
        &self,
        n: usize,
        from: Address,
        call: &impl SolCall,
        error: E,
    ) {
        let before = self.host.storage(engine(n));
        let Err(failure) = self.call(n, from, call) else { panic!("it is not refused; expected {error:?}") };
        assert_eq!(failure.error::<E>().as_ref(), Some(&error), "{failure}");
        assert_eq!(self.host.storage(engine(n)), before);
    }

    /// The bytes that validators sign of a chain's block.
    pub fn statement(&self, n: usize, height: u64, block_hash: B256, state_root: B256, epoch: u64) -> Vec<u8> {
        let root = self.committee(epoch).root();
        let mut bytes = [chain(n).to_be_bytes(), height.to_be_bytes()].concat();
        bytes.extend_from_slice(block_hash.as_slice());
        bytes.extend_from_slice(state_root.as_slice());
        bytes.extend(epoch.to_be_bytes());
        bytes.extend_from_slice(root.as_slice());
        bytes.push(0);
        bytes
    }

    /// A certificate by these members.
    pub fn signed(&self, domain: Domain, statement: &[u8], signers: &[usize]) -> Bytes {
        let signatures: Vec<_> = signers.iter().map(|n| self.secrets[*n].sign(domain, statement)).collect();
        let bitmap = signers.iter().fold(0u8, |bitmap, n| bitmap | 1 << n);
        [statement, &[bitmap], &aggregate(&signatures)].concat().into()
    }

    /// Ends a chain's block and certifies it.
    pub fn certify(&mut self, n: usize) -> Certified {
        let (height, state) = (self.heights[n], self.host.state());
        let statement = self.statement(n, height, self.hash(n, height), state.root(), 1);
        self.next_block(n);
        let certificate = self.signed(Domain::Certificate, &statement, &[0, 1, 2]);
        Certified { height, certificate, state, origin: n }
    }

    pub fn hash(&self, n: usize, height: u64) -> B256 {
        keccak256([chain(n), height].map(u64::to_be_bytes).concat())
    }

    /// Maps chain `from`'s permission [`KEY`] to `to`'s [`LOCAL`].
    pub fn map(&self, from: usize, to: usize) {
        let rule = Rule { localKey: LOCAL, maxStaleness: 0, expiryCap: 0, cap: U256::ZERO };
        self.rule(from, to, PERMISSION, KEY, rule);
    }

    pub fn rule(&self, from: usize, to: usize, kind: u8, key: B256, rule: Rule) {
        let call = abi::setRuleCall { origin: chain(from), kind, key, rule };
        self.call(to, GOVERNOR, &call).unwrap();
    }

    /// Gives somebody the permission [`KEY`] on a chain.
    pub fn issue(&self, n: usize, owner: Address, value: u64, destination: u64) -> StateUnit {
        self.call(n, GOVERNOR, &issue(owner, value, destination, 0)).unwrap();
        self.unit(n, owner)
    }

    /// The permission [`KEY`] of somebody.
    pub fn unit(&self, n: usize, owner: Address) -> StateUnit {
        self.view(n, &abi::rightUnitOfCall { kind: PERMISSION, owner, key: KEY }).unwrap()
    }

    pub fn permission(&self, n: usize, owner: Address, key: B256) -> bool {
        self.view(n, &abi::permissionCall { owner, key }).unwrap()
    }
}

pub fn issue(owner: Address, value: u64, destination: u64, expiry: u64) -> abi::issueCall {
    abi::issueCall { kind: PERMISSION, owner, key: KEY, value: U256::from(value), destination, expiry }
}

pub fn accept(unit: &StateUnit, block: &Certified) -> abi::acceptCall {
    let (proof, certificate) = (block.prove(unit::id(unit)), block.certificate.clone());
    abi::acceptCall { unit: unit.clone(), proof, certificate }
}

pub fn end(unit: &StateUnit, block: &Certified) -> abi::endCall {
    abi::endCall {
        origin: unit.origin,
        kind: unit.kind,
        owner: unit.owner,
        key: unit.key,
        proof: block.prove(unit::id(unit)),
        certificate: block.certificate.clone(),
    }
}
