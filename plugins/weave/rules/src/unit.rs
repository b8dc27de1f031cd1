//! State units: a right or an asset of one chain, in the form in which it is proven to others.
//!
//! A unit is what the engine of its origin holds of it: nobody signs one. What identifies it is [`id`]; [`commitment`] is what
//! the origin's state has at [`crate::place::slot`] as long as the unit is as it says, and no longer.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{Eip712Domain, SolStruct};

use crate::abi::Weave::StateUnit;

/// The one version of units.
pub const VERSION: u8 = 1;
/// Length of the one encoding, in bytes.
pub const BYTES: usize = 1 + 1 + 8 + 20 + 20 + 32 + 8 + 8 + 32 + 8 + 8 + 8;
/// Length of a commitment, in bytes: the longest that an engine's storage keeps in one slot.
pub const COMMITMENT_BYTES: usize = 31;

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An amount of something locked or burnt at the origin, on its way.
    Asset,
    /// What its owner may do, such as vote with a weight.
    Permission,
    /// What its owner did or how it acts, such as a reputation.
    Behaviour,
}

impl Kind {
    /// Its number in units.
    pub const fn code(self) -> u8 {
        match self {
            Self::Asset => 1,
            Self::Permission => 2,
            Self::Behaviour => 3,
        }
    }

    /// The kind of that number.
    pub const fn of(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Asset),
            2 => Some(Self::Permission),
            3 => Some(Self::Behaviour),
            _ => None,
        }
    }
}

/// Why bytes are no unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitError {
    /// Other than [`BYTES`].
    Length(usize),
    /// A version that is not [`VERSION`].
    Version(u8),
    /// A number that is no [`Kind`].
    Kind(u8),
}

impl core::fmt::Display for UnitError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Length(got) => write!(f, "a state unit has {BYTES} bytes, not {got}"),
            Self::Version(got) => write!(f, "version {got} of state units is not known; {VERSION} is"),
            Self::Kind(got) => write!(f, "kind {got} is none: 1 is an asset, 2 a permission, 3 a behaviour"),
        }
    }
}

impl core::error::Error for UnitError {}

/// The fields in order, numbers big-endian, addresses and words as they are.
pub fn encode(unit: &StateUnit) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    let fields: [&[u8]; 12] = [
        &[unit.version],
        &[unit.kind],
        &unit.origin.to_be_bytes(),
        unit.issuer.as_slice(),
        unit.owner.as_slice(),
        unit.key.as_slice(),
        &unit.serial.to_be_bytes(),
        &unit.destination.to_be_bytes(),
        &unit.value.to_be_bytes::<32>(),
        &unit.issued.to_be_bytes(),
        &unit.nonce.to_be_bytes(),
        &unit.expiry.to_be_bytes(),
    ];
    let mut at = 0;
    for field in fields {
        bytes[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    }
    bytes
}

/// Reads what [`encode`] wrote, and nothing else.
pub fn decode(bytes: &[u8]) -> Result<StateUnit, UnitError> {
    let whole: &[u8; BYTES] = bytes.try_into().map_err(|_| UnitError::Length(bytes.len()))?;
    let mut rest = whole.as_slice();
    let unit = StateUnit {
        version: take::<1>(&mut rest)[0],
        kind: take::<1>(&mut rest)[0],
        origin: u64::from_be_bytes(take(&mut rest)),
        issuer: take(&mut rest).into(),
        owner: take(&mut rest).into(),
        key: take(&mut rest).into(),
        serial: u64::from_be_bytes(take(&mut rest)),
        destination: u64::from_be_bytes(take(&mut rest)),
        value: U256::from_be_bytes::<32>(take(&mut rest)),
        issued: u64::from_be_bytes(take(&mut rest)),
        nonce: u64::from_be_bytes(take(&mut rest)),
        expiry: u64::from_be_bytes(take(&mut rest)),
    };
    check(&unit)?;
    Ok(unit)
}

/// Whether version and kind are known.
pub fn check(unit: &StateUnit) -> Result<Kind, UnitError> {
    if unit.version != VERSION {
        return Err(UnitError::Version(unit.version));
    }
    Kind::of(unit.kind).ok_or(UnitError::Kind(unit.kind))
}

/// Takes the next bytes of something whose length was checked; what is missing reads as zero.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let mut taken = [0; N];
    if let Some((head, rest)) = bytes.split_first_chunk::<N>() {
        taken = *head;
        *bytes = rest;
    }
    taken
}

/// What identifies a unit: Keccak-256 of origin (8 bytes), issuer (20), kind (1), owner (20), key (32) and serial (8). Value,
/// destination, times and nonce are what a unit says, and change.
pub fn id(unit: &StateUnit) -> B256 {
    let mut bytes = [0; 8 + 20 + 1 + 20 + 32 + 8];
    bytes[..8].copy_from_slice(&unit.origin.to_be_bytes());
    bytes[8..28].copy_from_slice(unit.issuer.as_slice());
    bytes[28] = unit.kind;
    bytes[29..49].copy_from_slice(unit.owner.as_slice());
    bytes[49..81].copy_from_slice(unit.key.as_slice());
    bytes[81..].copy_from_slice(&unit.serial.to_be_bytes());
    keccak256(bytes)
}

/// The first 31 bytes of the encoding's Keccak-256.
pub fn commitment(unit: &StateUnit) -> [u8; COMMITMENT_BYTES] {
    let mut commitment = [0; COMMITMENT_BYTES];
    commitment.copy_from_slice(&keccak256(encode(unit))[..COMMITMENT_BYTES]);
    commitment
}

/// An asset's name on every chain: Keccak-256 of its home chain (8 bytes) and its token there (20), zero for wei.
pub fn asset_id(home: u64, token: Address) -> B256 {
    let mut bytes = [0; 28];
    bytes[..8].copy_from_slice(&home.to_be_bytes());
    bytes[8..].copy_from_slice(token.as_slice());
    keccak256(bytes)
}

/// The EIP-712 domain under which wallets show a unit: its engine on its origin.
pub fn domain(unit: &StateUnit) -> Eip712Domain {
    Eip712Domain {
        name: Some("Caldera State Unit".into()),
        version: Some("1".into()),
        chain_id: Some(U256::from(unit.origin)),
        verifying_contract: Some(unit.issuer),
        salt: None,
    }
}

/// What a wallet signs that signs a unit as typed data (EIP-712).
pub fn signing_hash(unit: &StateUnit) -> B256 {
    unit.eip712_signing_hash(&domain(unit))
}
