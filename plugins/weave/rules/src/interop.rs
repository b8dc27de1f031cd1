//! Interoperable addresses (ERC-7930, version 1): a chain and an account of it in one string of bytes.
//!
//! Version (2 bytes), chain type (2; 0 is EIP-155), length of the chain's reference (1), the reference (the chain id, big-endian
//! without leading zeros), length of the address (1), the address.

use alloy_primitives::Address;

/// Version 1, and EIP-155 as the chain's type.
const HEAD: [u8; 4] = [0, 1, 0, 0];

/// Why bytes are no interoperable address of an EIP-155 chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InteropError {
    /// Another version than 1.
    Version,
    /// Another kind of chain than EIP-155.
    ChainType,
    /// A chain id that is missing, longer than 8 bytes or begins with zeros.
    Chain,
    /// An address of other than 20 bytes.
    Address,
    /// Bytes before or behind the end.
    Length,
}

impl core::fmt::Display for InteropError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Version => "the version of the interoperable address is not 1",
            Self::ChainType => "the interoperable address is not of an EIP-155 chain",
            Self::Chain => "the chain id of the interoperable address is missing, too long or begins with zeros",
            Self::Address => "the account of the interoperable address has not 20 bytes",
            Self::Length => "the interoperable address ends too early or goes on after its end",
        })
    }
}

impl core::error::Error for InteropError {}

/// The interoperable address of an account.
pub fn encode(chain_id: u64, account: Address) -> Vec<u8> {
    let reference = &chain_id.to_be_bytes()[chain_id.leading_zeros() as usize / 8..];
    let mut bytes = HEAD.to_vec();
    // At most 8.
    bytes.push(reference.len() as u8);
    bytes.extend_from_slice(reference);
    bytes.push(20);
    bytes.extend_from_slice(account.as_slice());
    bytes
}

/// Chain id and account of an interoperable address.
pub fn decode(bytes: &[u8]) -> Result<(u64, Address), InteropError> {
    let (head, rest) = bytes.split_first_chunk::<4>().ok_or(InteropError::Length)?;
    if head[..2] != HEAD[..2] {
        return Err(InteropError::Version);
    }
    if head[2..] != HEAD[2..] {
        return Err(InteropError::ChainType);
    }
    let (reference, rest) = field(rest)?;
    let (account, rest) = field(rest)?;
    if !rest.is_empty() {
        return Err(InteropError::Length);
    }
    if reference.is_empty() || reference.len() > 8 || reference[0] == 0 {
        return Err(InteropError::Chain);
    }
    let chain_id = reference.iter().fold(0, |id, byte| id << 8 | u64::from(*byte));
    let account = Address::try_from(account).map_err(|_| InteropError::Address)?;
    Ok((chain_id, account))
}

/// A field with its length before it.
fn field(bytes: &[u8]) -> Result<(&[u8], &[u8]), InteropError> {
    let (length, rest) = bytes.split_first().ok_or(InteropError::Length)?;
    rest.split_at_checked(usize::from(*length)).ok_or(InteropError::Length)
}
